"""White space that is left where marks were."""

import re

from app.texts.mapped_text import MappedText, TextBuilder

_SURPLUS = re.compile(r"\A\s+|\s+\Z|[^\S\n]*(?:\n[^\S\n]*)+|[^\S\n\t]{2,}")


def tidied(text: MappedText) -> MappedText:
    """Return a text with at most one blank line and one space in a row, and without white space around lines."""
    builder, position = TextBuilder(text.text), 0
    for match in _SURPLUS.finditer(text.text):
        start, end = match.span()
        builder.copy(position, start)
        position = end
        if start > 0 and end < len(text.text):
            kept = "\n\n"[: match[0].count("\n")] or " "
            builder.insert(kept, start, end)
    builder.copy(position, len(text.text))
    return builder.build().through(text)
