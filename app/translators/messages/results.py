"""The parts of Anthropic's responses that complete and streamed ones share: usage, reasons to stop, inputs of tools."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.backends.types import Usage

_STOP_REASONS = {"length": "max_tokens", "content_filter": "refusal"}
# in chat completions a text that ended the response is a reason `stop`; vLLM and SGLang name it in these fields
_MATCHED_STOPS = ("stop_reason", "matched_stop")
# clients leave thinking without a signature out of their next request; here nothing is verified with it
SIGNATURE = "unsigned"
# the field of arguments that are no JSON object, so that no text of the model is lost
RAW_ARGUMENTS = "raw_arguments"


NO_USAGE: Mapping[str, int] = {
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
}


def message_id(completion_id: Any) -> str:
    """Return the id of a message, with the id of its chat completion."""
    return f"msg_{str(completion_id).removeprefix('chatcmpl-')}"


def matched_stop(choice: Mapping[str, Any], stops: list[str]) -> str | None:
    """Return the stop sequence that ended a choice, None if the upstream names none."""
    return next((choice[name] for name in _MATCHED_STOPS if choice.get(name) in stops), None)


def stop_fields(reason: str | None, matched: str | None, *, calls: bool, refused: bool) -> dict[str, Any]:
    """Return stop_reason and stop_sequence for a finish reason of chat completions.

    Some servers end calls of tools with the reason `stop`; Anthropic's clients run them only for `tool_use`.
    """
    if refused:
        stop_reason = "refusal"
    elif reason in _STOP_REASONS:
        stop_reason = _STOP_REASONS[reason]
    elif calls:
        stop_reason = "tool_use"
    else:
        stop_reason = "end_turn" if matched is None else "stop_sequence"
    return {"stop_reason": stop_reason, "stop_sequence": matched if stop_reason == "stop_sequence" else None}


def message_usage(usage: Usage, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usage in Anthropic's form, where `input_tokens` leaves out the tokens of caches.

    `counts` are those of the upstream, in OpenAI's form, or with Anthropic's names beside it.
    """
    cached = _count(_details(counts, "prompt_tokens_details").get("cached_tokens"))
    read = min(cached or _count(counts.get("cache_read_input_tokens")), usage.prompt_tokens)
    created = min(_count(counts.get("cache_creation_input_tokens")), usage.prompt_tokens - read)
    output = usage.output_tokens or 0
    reasoning = _count(_details(counts, "completion_tokens_details").get("reasoning_tokens"))
    return {
        "input_tokens": usage.prompt_tokens - read - created,
        "output_tokens": output,
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
        **({"output_tokens_details": {"thinking_tokens": min(reasoning, output)}} if reasoning else {}),
        **({"estimated": True} if usage.estimated else {}),
    }


def tool_input(arguments: str) -> dict[str, Any]:
    """Return the arguments of a call as an object; arguments in another form are a field of it."""
    value: Any = arguments
    for _ in range(2):  # some models encode their arguments twice
        try:
            value = orjson.loads(value) if isinstance(value, str) else value
        except orjson.JSONDecodeError:
            break
    if isinstance(value, dict):
        return value
    return {RAW_ARGUMENTS: arguments} if arguments.strip() and value is not None else {}


def reasoning_of(part: Mapping[str, Any]) -> str:
    """Return the reasoning of a message or delta; servers have two names for it."""
    value = part.get("reasoning_content") or part.get("reasoning")
    return value if isinstance(value, str) else ""


def _details(counts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = counts.get(name)
    return details if isinstance(details, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
