"""Requests of the Responses API, as bodies of chat completions."""

from collections.abc import Mapping
from typing import Any

from app.errors import ValidationError
from app.translators.responses.input_items import chat_messages
from app.translators.responses.tools import chat_tools

# hints, which many servers refuse; the limit of tokens has two names in chat completions, and stays under either
MAY_DROP = ("max_tokens", "reasoning_effort", "verbosity", "parallel_tool_calls", "service_tier", "user")
LOGPROBS = "message.output_text.logprobs"
_NO_STATE = "This service stores no responses: send the complete conversation as `input`."
_STATE = {
    "previous_response_id": _NO_STATE,
    "conversation": _NO_STATE,
    "background": "This service runs nothing in the background: leave the field out, or stream the response.",
    "prompt": "This service stores no prompts: send `instructions` and `input`.",
}
# names of chat completions, and what replaced them
_MOVED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "functions": "tools",
    "function_call": "tool_choice",
    "logprobs": "top_logprobs",
    "n": "one request for each response",
}
# translated below, repeated in the response, or without a meaning for a chat
_TAKEN = frozenset(
    {
        "access_programs",
        "background",
        "background_options",
        "client_metadata",
        "context_management",
        "conversation",
        "image",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "store",
        "stream_options",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "truncation",
    }
)


def chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the chat for a validated request; raise ValidationError for what a chat cannot do."""
    _require_stateless(body)
    chat: dict[str, Any] = {name: value for name, value in body.items() if name not in _TAKEN}
    chat["messages"] = chat_messages(body)
    chat |= chat_tools(body) | _text_fields(body.get("text") or {})
    if (effort := (body.get("reasoning") or {}).get("effort")) is not None:
        chat["reasoning_effort"] = effort
    if "max_output_tokens" in body:
        chat["max_tokens"] = body["max_output_tokens"]
    top = body.get("top_logprobs") or 0
    if top or LOGPROBS in body.get("include", ()):
        chat |= {"logprobs": True, "top_logprobs": top}
    return chat


def _require_stateless(body: Mapping[str, Any]) -> None:
    errors = {name: [reason] for name, reason in _STATE.items() if body.get(name)}
    errors |= {name: [f"Send {new} instead."] for name, new in _MOVED.items() if body.get(name) is not None}
    if errors:
        raise ValidationError(details=errors)


def _text_fields(text: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields for the form of the text."""
    fields: dict[str, Any] = {}
    if (verbosity := text.get("verbosity")) is not None:
        fields["verbosity"] = verbosity
    wanted = text.get("format") or {}
    kind = wanted.get("type", "text")
    if kind == "json_schema":
        if not isinstance(wanted.get("schema"), dict) or not isinstance(wanted.get("name"), str):
            raise _invalid_format("A format of the type json_schema must have a name and a schema.")
        schema = {name: value for name, value in wanted.items() if name != "type" and value is not None}
        fields["response_format"] = {"type": kind, "json_schema": schema}
    elif kind == "json_object":
        fields["response_format"] = {"type": kind}
    elif kind != "text":
        raise _invalid_format("The type of the format must be text, json_schema or json_object.")
    return fields


def _invalid_format(reason: str) -> ValidationError:
    return ValidationError(details={"text": [reason]})
