"""Requests of Anthropic's Messages API as bodies of chat completions."""

from collections.abc import Mapping
from typing import Any

from app.schemas.message_blocks import ASSISTANT
from app.translators.messages.conversation import chat_messages
from app.translators.messages.tools import functions, tool_choice

# fields that chat completions have under the same name, `top_k` on most servers but OpenAI's
_SAME = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream")
# servers that know these continue the last message instead of a new one
_CONTINUATION = {"add_generation_prompt": False, "continue_final_message": True}
# fields that some servers refuse, and another name for `max_tokens` on others
MAY_DROP = ("max_tokens", "top_k", "user", "reasoning_effort", *_CONTINUATION)

# Anthropic has more levels than most servers
_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
# the largest budget of thinking, in tokens, for each effort below the highest
_EFFORT_BUDGETS = ((4096, "low"), (16_384, "medium"))
THINKING_TYPES = ("enabled", "adaptive", "between_tools")


def chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a validated request as a body of chat completions; fields that these lack are left out."""
    chat = {name: body[name] for name in _SAME if name in body}
    chat["messages"] = messages = chat_messages(body.get("system"), body["messages"])
    if messages and messages[-1]["role"] == ASSISTANT:
        chat |= _CONTINUATION
    if stops := body.get("stop_sequences"):
        chat["stop"] = stops
    if user := (body.get("metadata") or {}).get("user_id"):
        chat["user"] = user
    if effort := _effort(body):
        chat["reasoning_effort"] = effort
    return chat | _tool_fields(body) | _response_format(body)


def shows_thinking(body: Mapping[str, Any]) -> bool:
    """Return whether the client expects thinking blocks in the response."""
    thinking = body.get("thinking") or {}
    return thinking.get("type") in THINKING_TYPES and thinking.get("display") != "omitted"


def _tool_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tools with their choice, which servers refuse without tools."""
    tools, choice = functions(body.get("tools") or []), body.get("tool_choice")
    if not tools:
        return {}
    chosen = {"tool_choice": tool_choice(choice)} if choice else {}
    single = {"parallel_tool_calls": False} if choice and choice.get("disable_parallel_tool_use") is True else {}
    return {"tools": tools, **chosen, **single}


def _effort(body: Mapping[str, Any]) -> str | None:
    """Return the effort that the client names or its budget of thinking stands for; None if it has no wish."""
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "disabled":
        return None
    effort = (body.get("output_config") or {}).get("effort")
    if effort is not None:
        return _EFFORTS.get(effort)
    budget = thinking.get("budget_tokens")
    if budget is None:
        return None
    return next((name for most, name in _EFFORT_BUDGETS if budget <= most), "high")


def _response_format(body: Mapping[str, Any]) -> dict[str, Any]:
    given = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    schema = given.get("schema")
    if given.get("type") != "json_schema" or schema is None:
        return {}
    named = {"name": "response", "schema": schema, "strict": _is_strict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _is_strict(schema: Any) -> bool:
    """Return whether OpenAI's strict mode takes a schema: each object needs all of its properties and no others.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if not set(properties) <= set(map(str, required)):
            return False
    return all(map(_is_strict, schema.values()))
