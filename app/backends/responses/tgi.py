"""Tokens and finish reasons in the form of text-generation-inference (TGI)."""

from typing import Any

# the number of a token that the upstream did not send; TGI's clients need a number
UNKNOWN_ID = 0
_FINISH_REASONS = {"length": "length", "stop": "eos_token"}

Token = dict[str, Any]


def finish_reason(reason: str | None, *, has_stops: bool) -> str:
    """Return TGI's name of OpenAI's finish reason, which is the same for an end of text and for a stop sequence."""
    name = _FINISH_REASONS.get(reason or "", "eos_token")
    return "stop_sequence" if has_stops and name == "eos_token" else name


def make_token(text: str, logprob: Any = None, token_id: Any = None, *, special: bool = False) -> Token:
    """Return a token; its log-probability is None if the upstream sent none."""
    number = logprob if isinstance(logprob, int | float) and not isinstance(logprob, bool) else None
    known = type(token_id) is int and token_id >= 0
    return {"id": token_id if known else UNKNOWN_ID, "text": text, "logprob": number, "special": special}


def tokens_of(logprobs: Any) -> tuple[list[Token], list[list[Token]]]:
    """Return the tokens of log-probabilities in either of OpenAI's forms, and the most likely ones at each position."""
    if not isinstance(logprobs, dict):
        return [], []
    if isinstance(content := logprobs.get("content"), list):
        entries = [entry for entry in content if isinstance(entry, dict)]
        return list(map(_of_entry, entries)), [_of_entries(entry.get("top_logprobs")) for entry in entries]
    texts, values, tops = (_list(logprobs.get(name)) for name in ("tokens", "token_logprobs", "top_logprobs"))
    numbers = values + [None] * (len(texts) - len(values))
    tokens = [make_token(str(text), number) for text, number in zip(texts, numbers, strict=False)]
    return tokens, [[make_token(*pair) for pair in top.items()] if isinstance(top, dict) else [] for top in tops]


def chunk_tokens(text: str, logprobs: Any) -> tuple[list[Token], list[list[Token]]]:
    """Return the tokens of a chunk of a stream, and the most likely ones at each position.

    Upstreams may hold back parts of characters, so the chunk is one token if its text is not that of its tokens.
    """
    tokens, tops = tokens_of(logprobs)
    if text == "".join(token["text"] for token in tokens if not token["special"]):
        return tokens, tops
    return [{**tokens[0], "text": text}] if len(tokens) == 1 else [make_token(text)], tops[:1]


def _of_entry(entry: dict[str, Any]) -> Token:
    special = entry.get("special") is True
    return make_token(str(entry.get("token", "")), entry.get("logprob"), entry.get("id"), special=special)


def _of_entries(entries: Any) -> list[Token]:
    return [_of_entry(entry) for entry in _list(entries) if isinstance(entry, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
