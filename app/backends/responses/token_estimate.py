"""Counts tokens where no backend does."""

import re

_LATIN = re.compile(r"[A-Za-z]{1,5}")


# so much text is kept to be counted in one go
COUNTED_CHARS = 8192


class TokenEstimate:
    """Counts the tokens of a text that comes in pieces, which may be cut anywhere, without keeping all of it."""

    def __init__(self) -> None:
        self._counted = 0
        self._pieces: list[str] = []
        self._length = 0

    def add(self, piece: str) -> None:
        """Take the next piece in."""
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > COUNTED_CHARS:
            self._counted, self._pieces, self._length = self.tokens, [], 0

    @property
    def tokens(self) -> int:
        """About how many tokens there are; up to one too many for each COUNTED_CHARS."""
        return self._counted + estimated_tokens("".join(self._pieces))


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has: one for each short run of Latin letters, else one a byte of UTF-8.

    Rather too many than too few; random capitals are the exception.
    """
    rest, runs = _LATIN.subn("", text)
    return runs + len("".join(rest.split()).encode())
