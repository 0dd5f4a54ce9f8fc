"""Token counts: the upstream's if valid, else an estimate, marked as such."""

import re
from collections.abc import Mapping
from typing import Any

from app.backends.responses.token_estimate import TokenEstimate, estimated_tokens
from app.backends.types import Usage

# larger counts lose precision as JSON numbers, and no response is that long
MAX_TOKENS = 2**53


def extract_usage(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the counts of a payload, from OpenAI's field or from that of Groq's streams; None without either."""
    usage = payload.get("usage")
    if not usage and isinstance(groq := payload.get("x_groq"), dict):
        usage = groq.get("usage")
    return usage if usage and isinstance(usage, dict) else None


def resolve_usage(
    counts: Mapping[str, Any], headers: Mapping[str, str], prompt: str, completion: TokenEstimate
) -> Usage:
    """Return the counts of the body, else of TGI's headers; estimate a missing count and mark the usage as estimated.

    `completion` estimates the completion's tokens; both estimates are made only if the count is missing.
    """
    prompt_tokens = _count(counts.get("prompt_tokens"), headers.get("x-prompt-tokens"))
    completion_tokens = _count(counts.get("completion_tokens"), headers.get("x-generated-tokens"))
    estimated = not prompt_tokens or completion_tokens is None or "estimated" in counts
    return Usage(
        prompt_tokens or estimated_tokens(prompt),  # a prompt has at least one token, so 0 means unknown
        completion.tokens if completion_tokens is None else completion_tokens,
        estimated,
    )


def resolve_prompt_usage(counts: Mapping[str, Any], prompt: str) -> Usage:
    """Return the usage of an operation without a completion, such as embeddings; estimate a missing count."""
    prompt_tokens = _count(counts.get("prompt_tokens"), None)
    return Usage(prompt_tokens or estimated_tokens(prompt), None, not prompt_tokens or "estimated" in counts)


def openai_usage(counts: Mapping[str, Any], usage: Usage) -> dict[str, Any]:
    """Return the usage in OpenAI's form, with the upstream's other counts."""
    total = None if usage.estimated else _count(counts.get("total_tokens"), None)
    completion = {} if usage.completion_tokens is None else {"completion_tokens": usage.completion_tokens}
    return {
        **counts,
        "prompt_tokens": usage.prompt_tokens,
        **completion,
        "total_tokens": usage.total_tokens if total is None else total,
        **({"estimated": True} if usage.estimated else {}),
    }


def _count(value: Any, header: str | None) -> int | None:
    """Return the body's count if it is valid, else the header's, else None."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKENS:
        return value
    return int(header) if header and re.fullmatch(r"\d{1,9}", header) else None
