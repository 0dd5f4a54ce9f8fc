"""Estimates how many tokens a request may need: those of its text, and those of the longest response."""

from typing import Any

from app.backends.responses.token_estimate import estimated_tokens
from app.schemas.openai_requests import joined_texts

_INPUT_FIELDS = ("prompt", "input", "text")
_MAX_TOKENS_FIELDS = ("max_completion_tokens", "max_tokens", "max_length")


def estimate_max_tokens(body: dict[str, Any], default_max_tokens: int) -> int:
    """Return the estimated tokens of a validated body; without a limit, generated text has `default_max_tokens`."""
    value = next((body[name] for name in _INPUT_FIELDS if name in body), "")
    text = body["messages"].text if "messages" in body else joined_texts(value)
    generates = "messages" in body or "prompt" in body
    max_tokens = next((body[name] for name in _MAX_TOKENS_FIELDS if name in body), default_max_tokens * generates)
    choices = body.get("n", 1)
    return (
        estimated_tokens(text)
        + _token_ids(value)
        + max_tokens * (choices if isinstance(choices, int) and choices > 1 else 1)
    )


def _token_ids(value: Any) -> int:
    """Return the number of token ids in a `prompt` or an `input`."""
    items = value if isinstance(value, list) else []
    return sum(len(item) if isinstance(item, list) else isinstance(item, int) for item in items)
