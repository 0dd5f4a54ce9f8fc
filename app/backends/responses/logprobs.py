"""Log-probabilities, in the form of OpenAI's chat (`content`) and in that of its completions (`tokens`)."""

from itertools import accumulate
from typing import Any

from app.backends.base import TokenLogprobs


def as_completions(logprobs: Any, offset: int) -> Any:
    """Return log-probabilities as completions have them; some servers send chat's there. `offset` is in characters."""
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
        return logprobs
    entries = [entry for entry in logprobs["content"] if isinstance(entry, dict)]
    tokens = [str(entry.get("token", "")) for entry in entries]
    return {
        "tokens": tokens,
        "token_logprobs": [entry.get("logprob") for entry in entries],
        "top_logprobs": [_top(entry.get("top_logprobs")) for entry in entries],
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=offset)) if tokens else [],
    }


def token_logprobs(logprobs: Any) -> list[TokenLogprobs]:
    """Read log-probabilities in the form of OpenAI's chat (`content`) or of its completions (`tokens`)."""
    if not isinstance(logprobs, dict):
        return []
    if isinstance(logprobs.get("content"), list):
        entries = [entry for entry in logprobs["content"] if isinstance(entry, dict)]
        return [
            TokenLogprobs(str(entry.get("token", "")), _top(entry.get("top_logprobs")) or _top([entry]))
            for entry in entries
        ]
    tokens, tops = logprobs.get("tokens"), logprobs.get("top_logprobs")
    if isinstance(tokens, list) and isinstance(tops, list):
        return [TokenLogprobs(str(token), _numbers(top)) for token, top in zip(tokens, tops, strict=False)]
    return []


def _top(entries: Any) -> dict[str, float]:
    if not isinstance(entries, list):
        return {}
    found = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("token"), str)]
    return _numbers({entry["token"]: entry.get("logprob") for entry in found})


def _numbers(pairs: Any) -> dict[str, float]:
    if not isinstance(pairs, dict):
        return {}
    return {key: value for key, value in pairs.items() if isinstance(key, str) and isinstance(value, int | float)}
