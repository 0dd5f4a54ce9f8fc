"""Lines of a text with their offsets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# a mail or a log that was pasted may have any of these ends
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(slots=True)
class Line:
    """A line; `end` is the offset before its line end, `after` the one behind it."""

    text: str
    start: int
    end: int
    after: int

    @property
    def is_blank(self) -> bool:
        """Whether the line has only white space."""
        return not self.text or self.text.isspace()


def lines_of(text: str, start: int = 0) -> Iterator[Line]:
    """Yield the lines of a text from an offset on."""
    for match in _LINE.finditer(text, start):
        content = match[0].rstrip("\r\n")
        yield Line(content, match.start(), match.start() + len(content), match.end())
