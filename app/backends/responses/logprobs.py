"""Log-probabilities in the form of OpenAI's chat (`content`) and of its completions (`tokens`)."""

from itertools import accumulate
from typing import Any

from app.backends.types import TokenLogprobs


def as_completions(logprobs: Any, offset: int) -> Any:
    """Convert chat's form to that of completions; `offset` is the text's position in the choice, in characters."""
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
        return logprobs
    entries = [entry for entry in logprobs["content"] if isinstance(entry, dict)]
    tokens = [str(entry.get("token", "")) for entry in entries]
    return {
        "tokens": tokens,
        "token_logprobs": [entry.get("logprob") for entry in entries],
        "top_logprobs": [_top_logprobs(entry.get("top_logprobs")) for entry in entries],
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=offset)) if tokens else [],
    }


def token_logprobs(logprobs: Any) -> list[TokenLogprobs]:
    """Parse log-probabilities of either form; skip invalid entries."""
    if not isinstance(logprobs, dict):
        return []
    if isinstance(logprobs.get("content"), list):
        entries = [entry for entry in logprobs["content"] if isinstance(entry, dict)]
        return [
            TokenLogprobs(
                str(entry.get("token", "")), _top_logprobs(entry.get("top_logprobs")) or _top_logprobs([entry])
            )
            for entry in entries
        ]
    tokens, tops = logprobs.get("tokens"), logprobs.get("top_logprobs")
    if isinstance(tokens, list) and isinstance(tops, list):
        return [TokenLogprobs(str(token), _valid_logprobs(top)) for token, top in zip(tokens, tops, strict=False)]
    return []


def _top_logprobs(entries: Any) -> dict[str, float]:
    if not isinstance(entries, list):
        return {}
    valid = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("token"), str)]
    return _valid_logprobs({entry["token"]: entry.get("logprob") for entry in valid})


def _valid_logprobs(logprobs: Any) -> dict[str, float]:
    if not isinstance(logprobs, dict):
        return {}
    return {
        token: value for token, value in logprobs.items() if isinstance(token, str) and isinstance(value, int | float)
    }
