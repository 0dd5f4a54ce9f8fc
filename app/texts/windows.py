"""Parts of a long text, for models that read a bounded number of tokens."""

import re
from collections.abc import Callable, Iterator

# a sentence or line with its end and the space after it
_PIECE = re.compile(r"[^.!?。！？।\n]*(?:[.!?。！？।]+[\"'”’)\]]*\s+|[。！？।]+|\n\s*|[.!?]+|\Z)")
MIN_CHARS = 16


def windows(text: str, limit: int, count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    """Yield the spans of consecutive parts of at most `limit` tokens, as `count` counts them.

    Parts end where a sentence or line ends; a longer sentence is cut at a space, or between characters. Together they
    are the complete text.
    """
    start = end = tokens = 0
    for piece_start, piece_end in _pieces(text, limit, count):
        added = count(text[piece_start:piece_end])
        if end > start and tokens + added > limit:
            yield start, end
            start, tokens = end, 0
        end, tokens = piece_end, tokens + added
    if end > start:
        yield start, end


def _pieces(text: str, limit: int, count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    waiting = [match.span() for match in _PIECE.finditer(text) if match[0]][::-1]
    while waiting:
        start, end = waiting.pop()
        if end - start <= MIN_CHARS or count(text[start:end]) <= limit:
            yield start, end
            continue
        middle = (start + end) // 2
        cut = text.rfind(" ", start + 1, middle) + 1 or middle
        waiting += [(cut, end), (start, cut)]
