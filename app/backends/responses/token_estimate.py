"""Estimates token counts if the upstream returns none."""

import re
from collections.abc import Sequence

_LATIN = re.compile(r"[A-Za-z]{1,5}")

# text that TokenEstimate buffers before it counts
BUFFER_CHARS = 8192


class TokenEstimate:
    """Estimates the tokens of a text that arrives in chunks, cut anywhere; buffers at most BUFFER_CHARS."""

    def __init__(self) -> None:
        self._counted = 0
        self._chunks: list[str] = []
        self._chars = 0

    def add(self, chunk: str) -> None:
        """Add the next chunk."""
        self._chunks.append(chunk)
        self._chars += len(chunk)
        if self._chars > BUFFER_CHARS:
            self._counted, self._chunks, self._chars = self.tokens, [], 0

    @property
    def tokens(self) -> int:
        """The estimate; too high by at most one for each BUFFER_CHARS."""
        return self._counted + estimated_tokens("".join(self._chunks))


def estimated_tokens(text: str) -> int:
    """Return the estimated tokens of a text: one for each run of up to 5 Latin letters, one for each other byte.

    The estimate is usually too high; text of random capital letters is the exception.
    """
    rest, runs = _LATIN.subn("", text)
    return runs + len("".join(rest.split()).encode())


def leading_tokens(text: str, limit: int) -> str:
    """Return the beginning of a text, of about `limit` estimated tokens; the complete text if it has no more."""
    tokens = estimated_tokens(text)
    return text if tokens <= limit else text[: len(text) * limit // tokens]


def pair_tokens(query: str, texts: Sequence[str]) -> int:
    """Return the estimated tokens that a model for pairs reads: the query once with each text."""
    return estimated_tokens(query) * len(texts) + sum(map(estimated_tokens, texts))
