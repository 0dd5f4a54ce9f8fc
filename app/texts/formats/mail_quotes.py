"""The text that the writer of a mail wrote: quoted mails, signatures, disclaimers and footers go."""

import re

from app.texts.formats.lines import Line, lines_of
from app.texts.formats.mail_words import (
    ADDRESS,
    ATTRIBUTION,
    ATTRIBUTION_WORD,
    CLOSING,
    DEVICE,
    DISCLAIMER,
    FOOTER,
    FORWARD,
    HEADER,
    RULER,
)
from app.texts.mapped_text import MappedText, TextBuilder

QUOTED = re.compile(r" {0,3}>(?![:;=][-'^]?[()DPpOo/|\\])")
_MARKS = re.compile(r"(?: {0,3}>[ \t]?)+")
SIGNATURE = re.compile(r"--[ \t\xa0]?$")
_POSTSCRIPT = re.compile(r"[ \t]*(?:p\.? ?p?\.?s\b|nb\b|n\.b\.)", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:[^\s|]+\s+){4,}[^\s|]*(?<!Ltd)(?<!Inc)(?<!Corp)(?<!Co)[.!?…]\s*$|.{12,}[。！？]$")
# mail programs break lines that are longer than 72 to 78 characters
_MAX_WRAPPED_LINES = 3
_MAX_MARK_CHARS = 320
_MAX_SIGNATURE_CHARS = 80
_MAX_SIGNATURE_LINES = 12
_MIN_HEADERS, _MAX_HEADER_LINES = 2, 40


def own_text(text: str) -> MappedText:
    """Return a mail's text without other mails' texts and without its signature; all of it may be gone."""
    kept = _without_signatures(_Mail(list(lines_of(text))).own_lines())
    builder = TextBuilder(text)
    for line in kept:
        builder.copy(line.start, line.after)
    return builder.build()


def quoted_text(text: str) -> MappedText:
    """Return the text of a mail that only quotes another one, without the marks of quoting."""
    lines = list(lines_of(text))
    builder, index = TextBuilder(text), 0
    while index < len(lines):
        if after := attribution_end(lines, index):
            index = after
            continue
        marks = _MARKS.match(lines[index].text)
        builder.copy(lines[index].start + (marks.end() if marks else 0), lines[index].after)
        index += 1
    return builder.build()


class _Mail:
    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self._kept: list[Line] = []
        self._has_text = False

    def own_lines(self) -> list[Line]:
        """Return the lines that are neither quoted nor headers."""
        index = 0
        while index < len(self._lines):
            if QUOTED.match(self._lines[index].text):
                index += 1
            elif after := attribution_end(self._lines, index):
                if self._has_text and not self._is_quoted(after):
                    break
                index = after
            elif after := self._forward_end(index):
                if self._has_text:
                    break
                index = after
            elif self._has_text and self._begins_signature(index):
                break
            else:
                self._kept.append(self._lines[index])
                self._has_text |= not self._lines[index].is_blank
                index += 1
        return self._kept

    def _begins_signature(self, index: int) -> bool:
        mark = self._lines[index].text
        return SIGNATURE.match(mark) is not None and (mark != "--" or len(self._lines) - index <= _MAX_SIGNATURE_LINES)

    def _is_quoted(self, index: int) -> bool:
        following = next((line for line in self._lines[index : index + _MAX_WRAPPED_LINES] if not line.is_blank), None)
        return following is None or QUOTED.match(following.text) is not None

    def _forward_end(self, index: int) -> int | None:
        """Return the index behind the mark and the headers of a forwarded or answered mail that begins at a line."""
        marked = FORWARD.match(self._lines[index].text) or RULER.match(self._lines[index].text)
        after = index + 1 if marked else index
        while marked and after < len(self._lines) and self._lines[after].is_blank:
            after += 1
        end = headers_end(self._lines, after)
        if end is None:
            return after if FORWARD.match(self._lines[index].text) else None
        return end


def attribution_end(lines: list[Line], index: int) -> int | None:
    """Return the index behind a line such as "On Monday Ann wrote:", which may be broken over several lines."""
    joined = ""
    for end, line in enumerate(lines[index : index + _MAX_WRAPPED_LINES], index + 1):
        if line.is_blank or len(joined) + len(line.text) > _MAX_MARK_CHARS:
            return None
        joined = f"{joined} {line.text.strip()}".strip()
        if joined.endswith((":", "：", ">")) and _is_attribution(joined, lines[end : end + 2]):
            return end
    return None


def _is_attribution(line: str, following: list[Line]) -> bool:
    if ATTRIBUTION_WORD.search(line) and ATTRIBUTION.match(line):
        return True
    quoted = next((QUOTED.match(each.text) for each in following if not each.is_blank), None)
    return quoted is not None and ADDRESS.match(line) is not None


def headers_end(lines: list[Line], index: int) -> int | None:
    """Return the index behind at least two lines such as "From: Ann" and "Date: Monday"; they may be folded."""
    found = set()
    last = min(len(lines), index + _MAX_HEADER_LINES)
    while index < last:
        match = HEADER.match(lines[index].text) if len(lines[index].text) <= _MAX_MARK_CHARS else None
        if match:
            found.add(lines[index].text[: match.start("value")].strip(" \t*").casefold())
        elif not (found and lines[index].text.startswith((" ", "\t")) and not lines[index].is_blank):
            break
        index += 1
    return index if len(found) >= _MIN_HEADERS else None


def _without_signatures(lines: list[Line]) -> list[Line]:
    kept: list[Line] = []
    in_signature = in_disclaimer = has_text = False
    for line in lines:
        in_disclaimer = not line.is_blank and (
            in_disclaimer or DISCLAIMER.match(line.text[:_MAX_MARK_CHARS]) is not None
        )
        if in_disclaimer or _is_footer(line):
            continue
        in_signature = in_signature and _may_be_signature(line)
        if CLOSING.match(line.text[: _MAX_SIGNATURE_CHARS + 1]) and has_text:
            in_signature = True
        if not in_signature:
            kept.append(line)
            has_text |= not line.is_blank
    return kept


def _may_be_signature(line: Line) -> bool:
    short = len(line.text) <= _MAX_SIGNATURE_CHARS
    return short and not _POSTSCRIPT.match(line.text) and not _SENTENCE.match(line.text)


def _is_footer(line: Line) -> bool:
    if len(line.text) > 2 * _MAX_SIGNATURE_CHARS:
        return False
    device = DEVICE.match(line.text)
    return bool(device and not device["rest"].rstrip().endswith((".", "!", "?"))) or FOOTER.match(line.text) is not None
