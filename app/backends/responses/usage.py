"""Token counts: the upstream's if valid, else an estimate, marked as such."""

import re
from collections.abc import Mapping
from typing import Any

from app.backends.responses.token_estimate import TokenEstimate, estimated_tokens
from app.backends.types import Usage

# larger counts lose precision as JSON numbers, and no response is that long
MAX_TOKENS = 2**53
# Anthropic's names, which some compatible servers send: its `input_tokens` leaves out the cached part of a prompt.
# https://docs.claude.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance
_ANTHROPIC_PROMPT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def extract_usage(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the counts of a payload: from OpenAI's field, Groq's streams, or a choice as Moonshot sends it.

    None without counts.
    """
    usage = payload.get("usage")
    if not usage and isinstance(groq := payload.get("x_groq"), dict):
        usage = groq.get("usage")
    if not usage and isinstance(choices := payload.get("choices"), list):
        for choice in choices:
            if isinstance(choice, dict):
                usage = choice.get("usage") or usage
    return usage if usage and isinstance(usage, dict) else None


def resolve_usage(
    counts: Mapping[str, Any], headers: Mapping[str, str], prompt: str, completion: TokenEstimate
) -> Usage:
    """Return the counts of the body, else of TGI's headers; estimate a missing count and mark the usage as estimated.

    A missing count is the rest of the upstream's total, if there is one. `completion` estimates the completion's
    tokens. Both estimates are made only if the count is missing.
    """
    prompt_tokens = _prompt_count(counts, headers.get("x-prompt-tokens"))
    completion_tokens = _count(counts.get("completion_tokens", counts.get("output_tokens")))
    if completion_tokens is None:
        completion_tokens = _header_count(headers.get("x-generated-tokens"))
    total = _count(counts.get("total_tokens")) or 0
    if prompt_tokens and completion_tokens is not None:
        reported = _reported_total(counts, prompt_tokens, completion_tokens, total)
        return Usage(prompt_tokens, completion_tokens, "estimated" in counts, reported)
    if not prompt_tokens:
        prompt_tokens = total - completion_tokens if completion_tokens and total > completion_tokens else 0
        prompt_tokens = prompt_tokens or estimated_tokens(prompt)
    if completion_tokens is None:
        completion_tokens = total - prompt_tokens if total > prompt_tokens else completion.tokens
    return Usage(prompt_tokens, completion_tokens, estimated=True, reported_total=total)


def resolve_prompt_usage(counts: Mapping[str, Any], prompt: str) -> Usage:
    """Return the usage of an operation without a completion, such as embeddings; estimate a missing count."""
    prompt_tokens, total = _prompt_count(counts, None), _count(counts.get("total_tokens")) or 0
    known = prompt_tokens or estimated_tokens(prompt)
    return Usage(max(known, total), None, "estimated" in counts or (not prompt_tokens and total <= known))


def openai_usage(counts: Mapping[str, Any], usage: Usage) -> dict[str, Any]:
    """Return the usage in OpenAI's form, with the upstream's other counts."""
    total = None if usage.estimated else _count(counts.get("total_tokens"))
    completion = {} if usage.completion_tokens is None else {"completion_tokens": usage.completion_tokens}
    return {
        **counts,
        "prompt_tokens": usage.prompt_tokens,
        **completion,
        "total_tokens": usage.total_tokens if total is None else total,
        **({"estimated": True} if usage.estimated else {}),
    }


def _prompt_count(counts: Mapping[str, Any], header: str | None) -> int:
    """Return the tokens of the complete prompt, each cached token once; 0 if unknown, as a prompt has at least one."""
    prompt_tokens = _count(counts.get("prompt_tokens"))
    if prompt_tokens is None:
        prompt_tokens = _header_count(header)
    return prompt_tokens or sum(_count(counts.get(name)) or 0 for name in _ANTHROPIC_PROMPT)


def _reported_total(counts: Mapping[str, Any], prompt_tokens: int, completion_tokens: int, total: int) -> int:
    """Return the upstream's total, without cached tokens that it counts twice, and with all reasoning."""
    cached = _detail(counts, "prompt_tokens_details", "cached_tokens")
    reasoning = _detail(counts, "completion_tokens_details", "reasoning_tokens")
    excess = total - prompt_tokens - completion_tokens
    # OpenAI's cached tokens are a part of the prompt's: a total that is larger by just these has them twice
    if 0 < cached <= prompt_tokens and excess != reasoning and excess in (cached, cached + reasoning):
        total -= cached
    # OpenAI's reasoning tokens are a part of the completion's, and more of them than of those stand beside it
    return max(total, prompt_tokens + completion_tokens + reasoning) if reasoning > completion_tokens else total


def _detail(counts: Mapping[str, Any], field: str, name: str) -> int:
    details = counts.get(field)
    return _count(details.get(name)) or 0 if isinstance(details, dict) else 0


def _count(value: Any) -> int | None:
    """Return a valid count, else None; Cohere's are floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_valid = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKENS
    return value if is_valid else None


def _header_count(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"\d{1,9}", value) else None
