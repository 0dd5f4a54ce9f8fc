"""Token counts: those that a backend gives, wherever it gives them, else our own estimate, marked as such."""

import re
from collections.abc import Mapping
from typing import Any

from app.backends.base import Usage
from app.backends.responses.token_estimate import TokenEstimate, estimated_tokens

# no count is larger; what is cannot be one
MOST_TOKENS = 2**53


def extract_usage(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the counts that a payload carries, in the place that OpenAI or that Groq's streams have for them."""
    usage = payload.get("usage")
    if not usage and isinstance(groq := payload.get("x_groq"), dict):
        usage = groq.get("usage")
    return usage if usage and isinstance(usage, dict) else None


def resolve_usage(given: Mapping[str, Any], headers: Mapping[str, str], prompt: str, said: TokenEstimate) -> Usage:
    """Take the counts given in a body, else in TGI's headers; where one is missing, mark the whole as estimated.

    `said` counts those of the completion, which like those of the prompt are counted only where they are missing.
    """
    prompt_tokens = _count(given.get("prompt_tokens"), headers.get("x-prompt-tokens"))
    completion_tokens = _count(given.get("completion_tokens"), headers.get("x-generated-tokens"))
    return Usage(
        prompt_tokens or estimated_tokens(prompt),  # no prompt is empty: a count of zero is none
        said.tokens if completion_tokens is None else completion_tokens,
        estimated=not prompt_tokens or completion_tokens is None,
    )


def openai_usage(given: Mapping[str, Any], usage: Usage) -> dict[str, Any]:
    """Return the counts as OpenAI has them, beside all else that the backend says of them."""
    total = None if usage.estimated else _count(given.get("total_tokens"), None)
    return {
        **given,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens if total is None else total,
        **({"estimated": True} if usage.estimated else {}),
    }


def _count(given: Any, header: str | None) -> int | None:
    """Return the count that the body gives, else the header's, else None."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= MOST_TOKENS:
        return given
    return int(header) if header and re.fullmatch(r"\d{1,9}", header) else None
