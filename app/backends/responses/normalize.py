"""Normalizes the responses of all backends and providers to OpenAI's API.

The form of a response decides, not its route: the Hugging Face router forwards its providers' responses unchanged.
Payloads in OpenAI's form change only where clients could not parse them, and keep their unknown fields.
"""

from typing import Any

from app.backends.responses.error_mapping import error_from_payload, error_from_response, load_json
from app.backends.responses.error_payload import has_error
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse, UpstreamUnavailable

# OpenAI's limit of `n`
MAX_CHOICES = 128
# spellings of text-generation-inference, of older routers and of Cohere
_FINISH_REASONS = {
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "max_tokens": "length",
    "tool_call": "tool_calls",
}


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


def normalize_payload(payload: Any) -> dict[str, Any] | None:
    """Return a complete response, or an event of a stream, with OpenAI's `choices`.

    None for an event without content, such as a ping. Raises the error that the payload carries, or
    UpstreamInvalidResponse for an unknown form. `normalize_choice` normalizes the choices themselves.
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        raise UpstreamInvalidResponse
    if has_error(payload):
        raise error_from_payload(payload)
    if isinstance(payload.get("choices"), list):
        return payload
    if "generated_text" in payload:
        return _from_tgi(payload)
    if "type" in payload and "message" not in payload:
        return _from_cohere_event(payload) if "delta" in payload else None
    if isinstance(message := payload.get("message"), dict):
        return _from_cohere(message, payload, "message")
    raise UpstreamInvalidResponse


def normalize_choice(choice: Any) -> tuple[dict[str, Any], bool]:
    """Normalize a choice in place; return its delta, its message or, without either, itself, and whether it changed.

    Raises UpstreamInvalidResponse for an invalid choice, UpstreamUnavailable for one that failed.
    """
    if not isinstance(choice, dict):
        raise UpstreamInvalidResponse
    changed = False
    if type(choice.get("index")) is not int:
        choice["index"] = 0  # some servers leave it out of a single choice
        changed = True
    if not 0 <= choice["index"] < MAX_CHOICES:
        raise UpstreamInvalidResponse
    reason = choice.get("finish_reason")
    if reason is not None:
        choice["finish_reason"] = normalize_finish_reason(reason)
        changed |= choice["finish_reason"] != reason
    # a message beside a delta repeats the complete response
    part = choice.get("delta", choice.get("message"))
    part = choice if part is None else part
    return part, _join_content(part) or changed


def _join_content(part: Any) -> bool:
    """Turn content that is a list of parts into a string; return whether it was a list."""
    if not isinstance(part, dict):
        raise UpstreamInvalidResponse
    changed = False
    for name in ("content", "text"):
        content = part.get(name)
        if content is not None and not isinstance(content, str):
            part[name] = _join_parts(content, "text")
            if reasoning := _join_parts(content, "thinking"):
                part.setdefault("reasoning_content", reasoning)
            changed = True
    return changed


def normalize_finish_reason(reason: Any) -> str | None:
    """Return a finish reason in OpenAI's spelling, None if it is empty; raise UpstreamUnavailable for "error"."""
    if reason == "error":
        raise UpstreamUnavailable
    if not isinstance(reason, str) or not reason:
        return None
    return _FINISH_REASONS.get(reason.lower(), reason.lower())


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
    else:
        choice["message"] = {"role": "assistant", "content": text}
    prefill = details.get("prefill")
    prompt_tokens = details.get("input_length") or (len(prefill) if isinstance(prefill, list) else 0)
    return {"choices": [choice], **_usage(prompt_tokens, details.get("generated_tokens"))}


def _from_cohere_event(event: dict[str, Any]) -> dict[str, Any] | None:
    """Convert an event of Cohere's stream: its delta has the fields of a complete response."""
    delta = event["delta"]
    if not isinstance(delta, dict):
        return None
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
