"""Log-probabilities of chat completions, as the Responses API has them."""

from typing import Any


def response_logprobs(logprobs: Any) -> list[dict[str, Any]]:
    """Return the log-probabilities of a choice's text; invalid entries are left out."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    entries = [_entry(entry) for entry in content if _is_valid(entry)] if isinstance(content, list) else []
    for entry, given in zip(entries, filter(_is_valid, content or ()), strict=False):
        top = given.get("top_logprobs")
        entry["top_logprobs"] = [_entry(one) for one in top if _is_valid(one)] if isinstance(top, list) else []
    return entries


def _is_valid(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
    )


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    token, given = entry["token"], entry.get("bytes")
    # OpenAI's types require the bytes, which other servers leave out
    return {
        "token": token,
        "logprob": entry["logprob"],
        "bytes": given if isinstance(given, list) else list(token.encode()),
    }
