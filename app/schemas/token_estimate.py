"""How many tokens a request may need: those of its text, and the most that its answer may have."""

from typing import Any

from app.backends.responses.token_estimate import estimated_tokens
from app.schemas.openai_requests import messages_text, texts

_TEXTS = ("prompt", "input", "text")
_LONGEST = ("max_completion_tokens", "max_tokens", "max_length")


def estimate_max_tokens(body: dict[str, Any], default_longest: int) -> int:
    """Return about how many tokens a validated body may need; `default_longest` is for text without a limit."""
    given = next((body[name] for name in _TEXTS if name in body), "")
    needed = estimated_tokens(messages_text(body["messages"]) if "messages" in body else texts(given))
    makes_text = "messages" in body or "prompt" in body
    longest = next((body[name] for name in _LONGEST if name in body), default_longest if makes_text else 0)
    choices = body.get("n", 1)
    return needed + _numbers(given) + longest * (choices if isinstance(choices, int) and choices > 1 else 1)


def _numbers(given: Any) -> int:
    """Count the tokens that are given as numbers."""
    items = given if isinstance(given, list) else []
    return sum(len(item) if isinstance(item, list) else isinstance(item, int) for item in items)
