"""Places of parts of a text, in the text as it was sent and in the unit that the client asks for."""

from collections.abc import Iterable

from app.texts.document import Document
from app.texts.offsets import converted


def places(document: Document, spans: Iterable[tuple[int, int]], unit: str) -> list[dict[str, int]]:
    """Return `start` and `end` of each part, which is given by its offsets in `document.text`."""
    found = [document.source_span(start, end) for start, end in spans]
    offsets = converted(document.source, (offset for span in found for offset in span), unit)
    return [{"start": offsets[start], "end": offsets[end]} for start, end in found]


def part_of(document: Document, span: tuple[int, int]) -> dict[str, str]:
    """Return the `text` of a part as it was sent; if there is markup within it, `plain_text` too."""
    start, end = document.source_span(*span)
    text, plain = document.source[start:end], document.text[span[0] : span[1]]
    return {"text": text} if text == plain else {"text": text, "plain_text": plain}
