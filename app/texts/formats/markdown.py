"""The text of Markdown: headings, list items and cells without their marks, and without code blocks and images.

markdown-it-py knows the lines of a block and no offsets inside it, so a conservative tokenizer reads Markdown here.
Marks without their counterpart are text.
"""

import re

from app.texts.formats.lines import Line, lines_of
from app.texts.formats.markdown_inline import inline_text
from app.texts.mapped_text import LINE, PARAGRAPH, SPACE, TAB, MappedText, TextBuilder

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*$")
_INDENT = re.compile(r"(?: {0,3}>[ \t]?)*[ \t]*")
_HEADING = re.compile(r"#{1,6}[ \t]+(?P<text>.*?)(?:[ \t]+#+)?[ \t]*$")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)")
_RULE = re.compile(r"(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|={3,}[ \t]*)$")
_DEFINITION = re.compile(r"\[[^\]\n]{1,200}\]:[ \t]+\S+(?:[ \t]+[\"'(].*)?$")
_FOOTNOTE = re.compile(r"\[\^[^\]\n]{1,100}\]:[ \t]*")
DELIMITER_ROW = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_CELL = re.compile(r"(?:\\.|[^|│┃║\\])+")
# the lines of a table as databases and terminals draw it
GRID_ROW = re.compile(r"[ \t]*[|│┃║]")
GRID_RULE = re.compile(r"[ \t]*(?:\+(?:[-=]+\+)+|[┌├└╔╠╚┏┣┗╒╞╘╭╰][─━═┬┼┴╦╬╩┳╋┻╤╪╧┐┤┘╗╣╝┓┫┛╕╡╛╮╯]+)[ \t]*$")
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\r?\n(?:.*\r?\n){1,100}?\1[ \t]*(?:\r?\n|\Z)")


def markdown_text(source: str) -> MappedText:
    """Return the text of Markdown."""
    blocks = _Blocks(source)
    blocks.read()
    text = blocks.builder.build()
    return inline_text(text.text).through(text)


class _Blocks:
    """Removes the marks of blocks, and joins the lines of a paragraph."""

    def __init__(self, source: str) -> None:
        self.builder = TextBuilder(source)
        front = _FRONT_MATTER.match(source)
        self._lines = list(lines_of(source, front.end() if front else 0))
        self._fences = _fence_ends(self._lines)
        self._table_end = 0
        self._in_grid = False

    def read(self) -> None:
        """Read all lines."""
        index = 0
        while index < len(self._lines):
            if index in self._fences:
                self.builder.separate(PARAGRAPH)
                index = self._fences[index]
            else:
                self._read_line(index)
            index += 1

    def _read_line(self, index: int) -> None:
        line = self._lines[index]
        start = _leading(_INDENT, line.text)
        rest = line.text[start:]
        if not rest or _RULE.match(rest) or _DEFINITION.match(rest):
            self.builder.separate(PARAGRAPH)
        elif heading := _HEADING.match(rest):
            self.builder.separate(PARAGRAPH)
            self.builder.copy(*(line.start + start + offset for offset in heading.span("text")))
            self.builder.separate(PARAGRAPH)
        elif GRID_RULE.match(rest):
            self._in_grid = True
            self.builder.separate(LINE)
        elif self._is_table_row(index, rest):
            self._read_row(line, start)
        else:
            self._read_text(line, start, rest)

    def _read_text(self, line: Line, start: int, rest: str) -> None:
        if item := _ITEM.match(rest):
            self.builder.separate(LINE)
            start += item.end()
        elif note := _FOOTNOTE.match(rest):
            self.builder.separate(LINE)
            start += note.end()
        broken = line.text.endswith(("  ", "\\"))
        self.builder.copy(line.start + start, line.start + len(line.text.rstrip(" \t\\" if broken else None)))
        self.builder.separate(LINE if broken else SPACE)

    def _is_table_row(self, index: int, rest: str) -> bool:
        self._in_grid = self._in_grid and GRID_ROW.match(rest) is not None
        if self._in_grid or index < self._table_end:
            return True
        if "|" not in rest:
            return False
        following = self._lines[index + 1].text if index + 1 < len(self._lines) else ""
        if not ("|" in following and DELIMITER_ROW.match(following)):
            return False
        self._table_end = index + 1
        while self._table_end < len(self._lines) and "|" in self._lines[self._table_end].text:
            self._table_end += 1
        return True

    def _read_row(self, line: Line, start: int) -> None:
        self.builder.separate(LINE)
        if DELIMITER_ROW.match(line.text):
            return
        for cell in _CELL.finditer(line.text, start):
            text = cell[0].strip()
            if text:
                first = line.start + cell.start() + cell[0].index(text[0])
                self.builder.copy(first, first + len(text))
            self.builder.separate(TAB)
        self.builder.separate(LINE)


def _leading(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _fence_ends(lines: list[Line]) -> dict[int, int]:
    """Return for each line that opens a block of code the line that closes it."""
    ends: dict[int, int] = {}
    opened: tuple[int, str] | None = None
    for index, line in enumerate(lines):
        if not (match := _FENCE.match(line.text)):
            continue
        if opened is None:
            opened = index, match[1]
        elif match[1].startswith(opened[1]) and not line.text.strip("`~ \t"):
            ends[opened[0]] = index
            opened = None
    return ends
