"""Normalizes the responses of all backends and providers to OpenAI's API.

The form of a response decides, not its route: the Hugging Face router forwards its providers' responses unchanged.
Payloads in OpenAI's form change only where clients could not parse them, and keep their unknown fields.
"""

from typing import Any

from app.backends.responses.error_mapping import error_from_payload, error_from_response
from app.backends.responses.error_payload import has_error
from app.backends.responses.finish_reasons import normalize_finish_reason
from app.backends.responses.json_text import load_json, replace_halves
from app.backends.responses.usage import extract_usage
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse

# a content of one part has one of these
_PART_KEYS = frozenset({"text", "thinking"})
# OpenAI's limit of `n`
MAX_CHOICES = 128


def require_success(response: UpstreamResponse) -> None:
    """Raise the error of a response whose status is not 2xx."""
    if not 200 <= response.status < 300:
        raise error_from_response(response)


def decode_json(response: UpstreamResponse) -> Any:
    """Return the JSON of a successful response; raise UpstreamInvalidResponse if it is invalid."""
    payload = load_json(response.body)
    if payload is None:
        raise UpstreamInvalidResponse
    return payload


def require_no_error(payload: Any) -> None:
    """Raise the error that a payload of a response with status 200 carries, also as the first item of lists."""
    while isinstance(payload, list) and payload:
        payload = payload[0]
    if isinstance(payload, dict) and has_error(payload):
        raise error_from_payload(replace_halves(payload))


def normalize_payload(payload: Any) -> dict[str, Any] | None:
    """Return a complete response, or an event of a stream, with OpenAI's `choices`.

    An event without choices keeps its usage only. None for one that has no usage either: a ping, null, a number, an
    empty object or text, or fields of the provider. Raises the error that the payload carries, or
    UpstreamInvalidResponse for text in an unknown form. `number_choices` and `normalize_choice` normalize the choices
    themselves.
    """
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    if payload is None or payload == "" or isinstance(payload, int | float):
        return None
    if not isinstance(payload, dict):
        raise UpstreamInvalidResponse
    require_no_error(payload)
    if isinstance(payload.get("choices"), list):
        return payload
    if "generated_text" in payload:
        return _from_tgi(payload)
    message = payload.get("message")
    if isinstance(message, dict):
        return _from_cohere(message, payload, "message")
    if isinstance(payload.get("delta"), dict) and "type" in payload:
        return _from_cohere_event(payload)
    # a message or detail as text is an error in the form of another framework
    if payload.get("choices") or message or payload.get("detail"):
        raise UpstreamInvalidResponse
    usage = extract_usage(payload)
    return {"choices": [], "usage": usage} if usage else None


def number_choices(payload: dict[str, Any], *, complete: bool) -> bool:
    """Give each choice a number as its `index`, and drop nulls; return whether a choice changed.

    The position counts where there is no number, and in a `complete` response where numbers repeat. Raises
    UpstreamInvalidResponse for an invalid choice or number.
    """
    choices = [choice for choice in payload["choices"] if choice is not None]
    if not all(isinstance(choice, dict) for choice in choices):
        raise UpstreamInvalidResponse
    indexes = [as_index(choice.get("index"), position) for position, choice in enumerate(choices)]
    if complete and len(set(indexes)) < len(indexes):
        indexes = list(range(len(choices)))
    if not all(0 <= index < MAX_CHOICES for index in indexes):
        raise UpstreamInvalidResponse
    changed = len(choices) < len(payload["choices"])
    for choice, index in zip(choices, indexes, strict=True):
        if type(choice.get("index")) is not int or choice["index"] != index:
            choice["index"] = index
            changed = True
    payload["choices"] = choices
    return changed


def as_index(value: Any, default: int) -> int:
    """Return an index that may be written as text; the default if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(2**63)):
        return int(value)
    return value if type(value) is int else default


def normalize_choice(choice: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Normalize a choice in place; return its delta, its message or, without either, itself, and whether it changed.

    Raises UpstreamInvalidResponse for an invalid choice, and for one that failed the error that it carries.
    """
    changed = False
    reason = choice.get("finish_reason")
    if reason == "error":
        raise error_from_payload(replace_halves(choice))
    if reason is not None:
        choice["finish_reason"] = normalize_finish_reason(reason)
        changed = bool(choice["finish_reason"] != reason)
    part = choice
    for name in ("delta", "message"):  # a message beside a delta repeats the complete response
        value = choice.get(name)
        if value or isinstance(value, dict):
            part = value
            break
    return part, _join_content(part) or changed


def _join_content(part: Any) -> bool:
    """Turn content that is a list of parts into a string; return whether it was a list."""
    if not isinstance(part, dict):
        raise UpstreamInvalidResponse
    changed = False
    for name in ("content", "text"):
        content = part.get(name)
        if content is not None and not isinstance(content, str):
            content = [content] if isinstance(content, dict) and not _PART_KEYS.isdisjoint(content) else content
            part[name] = _join_parts(content, "text")
            if reasoning := _join_parts(content, "thinking"):
                part.setdefault("reasoning_content", reasoning)
            changed = True
    return changed


def _join_parts(content: Any, kind: str) -> str:
    """Join the texts of one kind in a list of parts; Mistral's `thinking` is itself a list of parts."""
    if not isinstance(content, list):
        raise UpstreamInvalidResponse
    values = [part.get(kind) for part in content if isinstance(part, dict)]
    nested = [
        part.get("text") for value in values if isinstance(value, list) for part in value if isinstance(part, dict)
    ]
    return "".join(text for text in (*values, *nested) if isinstance(text, str))


def _from_tgi(payload: dict[str, Any]) -> dict[str, Any]:
    """Convert a response of TGI's own route: a token of a stream, or the complete text."""
    token, text, details = payload.get("token"), payload["generated_text"], payload.get("details")
    if not isinstance(token, dict) and not isinstance(text, str):
        raise UpstreamInvalidResponse
    details = details if isinstance(details, dict) else {}
    reason = details.get("finish_reason")
    choice: dict[str, Any] = {"index": 0, "finish_reason": (reason or "stop") if text is not None else reason}
    if isinstance(token, dict):
        choice["delta"] = {"content": "" if token.get("special") else token.get("text")}
        choice["logprobs"] = {"content": [_tgi_logprob(token, payload.get("top_tokens"))]}
    else:
        choice["message"] = {"role": "assistant", "content": text}
    prefill = details.get("prefill")
    prompt_tokens = details.get("input_length") or (len(prefill) if isinstance(prefill, list) else 0)
    return {"choices": [choice], **_usage(prompt_tokens, details.get("generated_tokens"))}


def _tgi_logprob(token: dict[str, Any], top_tokens: Any) -> dict[str, Any]:
    """Return a token of TGI as an entry of OpenAI's log-probabilities, with the token's number and kind."""
    tops = [top for top in top_tokens if isinstance(top, dict)] if isinstance(top_tokens, list) else []
    entries = [
        {
            "token": item.get("text"),
            "logprob": item.get("logprob"),
            "id": item.get("id"),
            "special": item.get("special"),
        }
        for item in (token, *tops)
    ]
    return {**entries[0], "top_logprobs": entries[1:]}


def _from_cohere_event(event: dict[str, Any]) -> dict[str, Any] | None:
    """Convert an event of Cohere's stream: its delta has the fields of a complete response."""
    delta = event["delta"]
    message = delta.get("message")
    message = message if isinstance(message, dict) else {}
    if isinstance(call := message.get("tool_calls"), dict):
        message["tool_calls"] = [{"index": event.get("index"), **call}]
    return _from_cohere(message, delta, "delta")


def _from_cohere(message: dict[str, Any], payload: dict[str, Any], part: str) -> dict[str, Any] | None:
    content = message.get("content")
    fields = {} if content is None else {"content": [content] if isinstance(content, dict) else content}
    if calls := message.get("tool_calls"):
        fields["tool_calls"] = calls
    reason = payload.get("finish_reason")
    if not fields and reason is None:
        return None
    usage = payload.get("usage")
    tokens = usage.get("tokens") if isinstance(usage, dict) else None
    counts = _usage(tokens.get("input_tokens"), tokens.get("output_tokens")) if isinstance(tokens, dict) else {}
    return {"choices": [{"index": 0, part: {"role": "assistant", **fields}, "finish_reason": reason}], **counts}


def _usage(prompt_tokens: Any, completion_tokens: Any) -> dict[str, Any]:
    if not prompt_tokens and completion_tokens is None:
        return {}
    return {"usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}}
