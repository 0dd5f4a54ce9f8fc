"""Brings every answer that the backends and their providers send into the shape of OpenAI's API.

The shape decides, not the route: the Hugging Face router passes its providers' answers on as they are. What is in
OpenAI's shape already is changed only where callers could not read it, and keeps the fields that nobody here knows.
"""

from typing import Any

from app.backends.base import UpstreamResponse
from app.backends.responses.error_mapping import decoded, error_from_payload, error_from_response
from app.errors import UpstreamInvalidResponse, UpstreamUnavailable

# OpenAI's own limit of `n`
MOST_CHOICES = 128
# text-generation-inference, older routers and Cohere spell OpenAI's reasons in their own ways
_FINISH_REASONS = {
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "max_tokens": "length",
    "tool_call": "tool_calls",
}


def require_success(answer: UpstreamResponse) -> None:
    """Raise the error for an answer whose status is not 2xx."""
    if not 200 <= answer.status < 300:
        raise error_from_response(answer)


def decoded_json(answer: UpstreamResponse) -> Any:
    """Return the JSON of a successful answer; raise UpstreamInvalidResponse where it is none."""
    payload = decoded(answer.body)
    if payload is None:
        raise UpstreamInvalidResponse
    return payload


def normalize_payload(payload: Any) -> dict[str, Any] | None:
    """Return a payload, a whole answer or an event of a stream, with `choices` as OpenAI has them.

    None where it says nothing, such as a ping. Raises the error that it carries, UpstreamInvalidResponse for an unknown
    shape. The choices themselves are as they came: see `read_choice`.
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        raise UpstreamInvalidResponse
    if payload.get("error") or payload.get("object") == "error":
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
    """Return a choice's part that holds what the model said, once it is as OpenAI has it; and whether it was not.

    Raises UpstreamInvalidResponse for a choice that cannot be read, UpstreamUnavailable for one that failed.
    """
    if not isinstance(choice, dict):
        raise UpstreamInvalidResponse
    changed = False
    if type(choice.get("index")) is not int:
        choice["index"] = 0  # some servers leave the number out where there is one choice
        changed = True
    if not 0 <= choice["index"] < MOST_CHOICES:
        raise UpstreamInvalidResponse
    reason = choice.get("finish_reason")
    if reason is not None:
        choice["finish_reason"] = finish_reason(reason)
        changed |= choice["finish_reason"] != reason
    # a message beside a delta repeats the whole answer
    part = choice.get("delta", choice.get("message"))
    part = choice if part is None else part
    return part, _read_part(part) or changed


def _read_part(part: Any) -> bool:
    """See that a part's content is a text; tell whether it was not."""
    if not isinstance(part, dict):
        raise UpstreamInvalidResponse
    changed = False
    for name in ("content", "text"):
        content = part.get(name)
        if content is not None and not isinstance(content, str):
            part[name] = _joined(content, "text")
            if thought := _joined(content, "thinking"):
                part.setdefault("reasoning_content", thought)
            changed = True
    return changed


def finish_reason(reason: Any) -> str | None:
    """Return a finish reason as OpenAI spells it, None where there is none; raise UpstreamUnavailable for a failure."""
    if reason == "error":
        raise UpstreamUnavailable
    if not isinstance(reason, str) or not reason:
        return None
    return _FINISH_REASONS.get(reason.lower(), reason.lower())


def _joined(content: Any, kind: str) -> str:
    """Return the texts of one kind in content that is a list of parts; Mistral's thoughts are a list in turn."""
    if not isinstance(content, list):
        raise UpstreamInvalidResponse
    found = [part.get(kind) for part in content if isinstance(part, dict)]
    inner = [part.get("text") for parts in found if isinstance(parts, list) for part in parts if isinstance(part, dict)]
    return "".join(text for text in (*found, *inner) if isinstance(text, str))


def _from_tgi(payload: dict[str, Any]) -> dict[str, Any]:
    """Read the form of TGI's own route: a token of a stream, or the whole text."""
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
    """Read an event of Cohere's stream: its delta holds what a whole answer holds."""
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
    said = {} if content is None else {"content": [content] if isinstance(content, dict) else content}
    if calls := message.get("tool_calls"):
        said["tool_calls"] = calls
    reason = payload.get("finish_reason")
    if not said and reason is None:
        return None
    usage = payload.get("usage")
    tokens = usage.get("tokens") if isinstance(usage, dict) else None
    counts = _usage(tokens.get("input_tokens"), tokens.get("output_tokens")) if isinstance(tokens, dict) else {}
    return {"choices": [{"index": 0, part: {"role": "assistant", **said}, "finish_reason": reason}], **counts}


def _usage(prompt_tokens: Any, completion_tokens: Any) -> dict[str, Any]:
    if not prompt_tokens and completion_tokens is None:
        return {}
    return {"usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}}
