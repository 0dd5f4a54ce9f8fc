"""Texts whose characters know their place in the source they were made of."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain

# the separators that a builder holds back until the next characters, the strongest last
SPACE, TAB, LINE, PARAGRAPH = " ", "\t", "\n", "\n\n"
_STRENGTH = {"": 0, SPACE: 1, TAB: 2, LINE: 3, PARAGRAPH: 4}


class MappedText:
    """A text, and the runs of characters that it consists of.

    A run is either a copy of characters of the source, or stands as a whole for a part of it, as `&` for `&amp;`.
    """

    def __init__(self, text: str, starts: list[int], spans: list[tuple[int, int, bool]]) -> None:
        """Take the offsets in `text` where the runs start, and for each run its span in the source and "is a copy"."""
        self.text = text
        self._starts = starts
        self._spans = spans

    def runs(self) -> Iterator[tuple[int, int, int, int, bool]]:
        """Yield for each run its start and end in the text, its start and end in the source, and "is a copy"."""
        ends = chain(self._starts[1:], (len(self.text),))
        for start, end, (source_start, source_end, copied) in zip(self._starts, ends, self._spans, strict=False):
            yield start, end, source_start, source_end, copied

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the source of the characters from `start` to `end`; an empty span has no length there."""
        first = self._source_start(start)
        return first, self._source_end(end) if end > start else first

    def _source_start(self, offset: int) -> int:
        run = bisect_right(self._starts, offset) - 1
        source_start, source_end, copied = self._spans[run]
        if offset >= len(self.text):
            return source_end
        return source_start + offset - self._starts[run] if copied else source_start

    def _source_end(self, offset: int) -> int:
        run = bisect_right(self._starts, offset - 1) - 1
        source_start, source_end, copied = self._spans[run]
        return source_start + offset - self._starts[run] if copied else source_end

    def through(self, inner: MappedText) -> MappedText:
        """Return this text with spans in the source of `inner`, the text that this one was made of."""
        starts: list[int] = []
        spans: list[tuple[int, int, bool]] = []
        for start, _end, source_start, source_end, copied in self.runs():
            if copied:
                for inner_start, span in inner.clipped(source_start, source_end):
                    starts.append(start + inner_start - source_start)
                    spans.append(span)
            else:
                starts.append(start)
                spans.append((*inner.source_span(source_start, source_end), False))
        return MappedText(self.text, starts, spans)

    def clipped(self, start: int, end: int) -> Iterator[tuple[int, tuple[int, int, bool]]]:
        """Yield for each run from `start` to `end` its start in the text and its span."""
        for run in range(bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)):
            source_start, source_end, copied = self._spans[run]
            first = max(start, self._starts[run])
            if copied:
                offset = source_start - self._starts[run]
                yield first, (first + offset, min(source_end, end + offset), True)
            else:
                yield first, (source_start, source_end, False)


def identity(source: str) -> MappedText:
    """Return a source as a text of itself."""
    return MappedText(source, [0], [(0, len(source), True)])


def joined(source: str, texts: Iterable[MappedText]) -> MappedText:
    """Return texts of one source, in its order, as the paragraphs of one text."""
    builder = TextBuilder(source)
    for text in texts:
        builder.separate(PARAGRAPH)
        builder.extend(text)
    return builder.build()


class TextBuilder:
    """Builds a text of parts of a source, in order. Separators at its ends and beside stronger ones disappear."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._parts: list[str] = []
        self._starts: list[int] = []
        self._spans: list[tuple[int, int, bool]] = []
        self._length = 0
        self._end = 0
        self._pending = ""

    def separate(self, separator: str) -> None:
        """Put a separator before the next characters, unless a stronger one is there."""
        if _STRENGTH[separator] > _STRENGTH[self._pending]:
            self._pending = separator

    def separate_line(self) -> None:
        """Put a line break before the next characters; the second one in a row starts a paragraph."""
        self.separate(PARAGRAPH if self._pending == LINE else LINE)

    def copy(self, start: int, end: int) -> None:
        """Add the characters of the source from `start` to `end`."""
        if start < end:
            self._flush(start)
            self._add(self._source[start:end], start, end, True)

    def insert(self, text: str, start: int, end: int) -> None:
        """Add characters that stand for the source from `start` to `end`."""
        if text:
            self._flush(start)
            self._add(text, start, end, False)

    def extend(self, text: MappedText) -> None:
        """Add another text of the source."""
        for start, end, source_start, source_end, copied in text.runs():
            if copied:
                self.copy(source_start, source_end)
            else:
                self.insert(text.text[start:end], source_start, source_end)

    def build(self) -> MappedText:
        """Return the text."""
        return MappedText("".join(self._parts), self._starts, self._spans)

    def _flush(self, start: int) -> None:
        if self._pending and self._parts:
            self._add(self._pending, self._end, max(start, self._end), False)
        self._pending = ""

    def _add(self, text: str, start: int, end: int, copied: bool) -> None:
        if copied and self._spans and self._spans[-1][1:] == (start, True):
            self._spans[-1] = (self._spans[-1][0], end, True)
        else:
            self._starts.append(self._length)
            self._spans.append((start, end, copied))
        self._parts.append(text)
        self._length += len(text)
        self._end = end
