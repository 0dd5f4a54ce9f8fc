"""Places of parts of a text, in the text as it was sent and in the unit that the client asks for."""

from collections.abc import Iterable

from app.texts.document import Document
from app.texts.offsets import converted


def places(document: Document, spans: Iterable[tuple[int, int]], unit: str) -> list[dict[str, int]]:
    """Return `start` and `end` of each part, which is given by its offsets in `document.text`."""
    found = [document.source_span(start, end) for start, end in spans]
    offsets = converted(document.source, (offset for span in found for offset in span), unit)
    return [{"start": offsets[start], "end": offsets[end]} for start, end in found]
