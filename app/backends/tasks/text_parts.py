"""Cuts a text that is longer than a model reads into parts that hold all of it."""

from collections.abc import Iterator

from app.backends.responses.token_estimate import estimated_tokens
from app.texts.sentences import segments


def text_parts(text: str, limit: int, language: str | None = None) -> list[str]:
    """Return parts of at most `limit` tokens, as estimated, whose concatenation is the text; sentences stay together.

    A sentence beyond the limit is cut in halves.
    """
    if estimated_tokens(text) <= limit:
        return [text]
    parts: list[str] = []
    size = 0
    for piece in (piece for sentence in segments(text, language) for piece in _halves(sentence, limit)):
        tokens = estimated_tokens(piece)
        if not parts or size + tokens > limit:
            parts.append(piece)
            size = tokens
        else:
            parts[-1] += piece
            size += tokens
    return parts


def _halves(text: str, limit: int) -> Iterator[str]:
    if estimated_tokens(text) <= limit:
        yield text
        return
    middle = len(text) // 2
    cut = text.rfind(" ", 1, middle) + 1 or middle
    yield from _halves(text[:cut], limit)
    yield from _halves(text[cut:], limit)
