"""Chat completions as responses of Ollama's API."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.backends.types import Usage
from app.context.call_context import CallContext
from app.errors import UpstreamInvalidResponse

LENGTH = "length"
NANOSECONDS = 1_000_000_000
# Ollama ends turns with calls as all others
_DONE_REASONS = {"tool_calls": "stop", "function_call": "stop"}

# takes text, thinking and tool calls; returns the fields of a response that hold them
MakeFields = Callable[[str, str, list[dict[str, Any]]], dict[str, Any]]


def chat_fields(text: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the fields of /api/chat."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def generate_fields(text: str, thinking: str, _calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the fields of /api/generate, whose requests have no tools."""
    return {"response": text, "thinking": thinking} if thinking else {"response": text}


def generated_text(part: Mapping[str, Any]) -> str:
    """Return the text of a message or delta. Ollama has no field for refusals."""
    return part.get("content") or part.get("refusal") or ""


def thinking_text(part: Mapping[str, Any]) -> str:
    """Return the reasoning of a message or delta; some servers send it under both names."""
    return part.get("reasoning_content") or part.get("reasoning") or ""


def log_probabilities(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the field with the log-probabilities of a choice, if it has some."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    tokens = [token for token in content if _has_logprob(token)] if isinstance(content, list) else []
    return {"logprobs": tokens} if tokens else {}


def _has_logprob(token: Any) -> bool:
    # some servers leave it out of an empty token, and Ollama's clients fail without it
    return isinstance(token, dict) and isinstance(token.get("logprob"), int | float)


def tool_calls(calls: list[dict[str, Any]], reason: str | None) -> list[dict[str, Any]]:
    """Return complete calls in Ollama's form; a call that the token limit cut off is left out.

    Raises UpstreamInvalidResponse for arguments that are no JSON object.
    """
    made: list[dict[str, Any]] = []
    for call in calls:
        function = call.get("function") or {}
        arguments = _arguments(function.get("arguments"))
        if arguments is None:
            if reason == LENGTH:
                continue
            raise UpstreamInvalidResponse("The model called a tool with arguments that are no JSON object.")
        named = {"index": len(made), "name": function.get("name") or "", "arguments": arguments}
        made.append({"id": call.get("id"), "function": named})
    return made


def _arguments(text: Any) -> dict[str, Any] | None:
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def now() -> str:
    """Return the time in RFC 3339."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def end_fields(context: CallContext, reason: str | None, usage: Usage) -> dict[str, Any]:
    """Return the last fields of a response; durations in nanoseconds."""
    return {
        "done": True,
        "done_reason": _DONE_REASONS.get(reason or "stop", reason or "stop"),
        "total_duration": nanoseconds(context.request.elapsed()),
        "prompt_eval_count": usage.prompt_tokens,
        "eval_count": usage.output_tokens or 0,
    }


def nanoseconds(seconds: float) -> int:
    """Return a time in nanoseconds."""
    return int(seconds * NANOSECONDS)
