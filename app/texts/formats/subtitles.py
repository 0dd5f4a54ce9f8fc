"""The text of subtitles without times, numbers and styles: SubRip and WebVTT (https://www.w3.org/TR/webvtt1/)."""

import re

from app.texts.formats.lines import Line, lines_of
from app.texts.mapped_text import LINE, SPACE, MappedText, TextBuilder

_TIME = r"(?:\d{1,3}:)?\d{1,2}:\d{2}[,.]\d{1,3}"
_CUE = re.compile(rf"\s*{_TIME}[ \t]+-->[ \t]+{_TIME}")
_CUES = re.compile(rf"^{_CUE.pattern}", re.MULTILINE)
_NUMBER = re.compile(r"\s*\d{1,6}\s*$")
_BLOCK = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)\b")
# tags of voices and styles, positions of SubStation Alpha, sounds, and the dash of a second speaker
_MARKS = re.compile(
    r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,100}\}|[♪♫]|\A\s*(?:-|>>)\s*|^\s*[\[(][^\[\]()]{1,60}[\])]\s*$"
)


def is_subtitles(text: str) -> bool:
    """Return whether a text consists of cues."""
    return "-->" in text and _CUES.search(text) is not None


def subtitles_text(source: str) -> MappedText:
    """Return the text of the cues; its lines are parts of sentences and are joined."""
    builder = TextBuilder(source)
    lines = list(lines_of(source))
    in_block = False
    for index, line in enumerate(lines):
        if line.is_blank:
            in_block = False
        elif _BLOCK.match(line.text.lstrip("\ufeff")):
            in_block = True
        elif not (in_block or _CUE.match(line.text) or _is_identifier(lines, index)):
            _add_line(builder, line)
    return builder.build()


def _is_identifier(lines: list[Line], index: int) -> bool:
    return index + 1 < len(lines) and _CUE.match(lines[index + 1].text) is not None


def _add_line(builder: TextBuilder, line: Line) -> None:
    position = 0
    for mark in _MARKS.finditer(line.text):
        builder.copy(line.start + position, line.start + mark.start())
        position = mark.end()
        if "-" in mark[0] or ">>" in mark[0]:
            builder.separate(LINE)
    builder.copy(line.start + position, line.end)
    builder.separate(SPACE)
