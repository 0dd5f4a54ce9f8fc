"""Marks inside the lines of Markdown: emphasis, links, images, code, tags and character references."""

import re
from collections.abc import Iterator
from html import unescape

from app.texts.formats.html_tokens import ELEMENTS
from app.texts.mapped_text import LINE, MappedText, TextBuilder

_TITLE = r"""(?:\s+(?:"[^"]{0,500}"|'[^']{0,500}'))?"""
_TARGET = (
    r"\(\s*(?:<[^<>\n]{0,2000}>|[^\s()<>]{0,2000}(?:\([^\s()]{0,200}\)[^\s()]{0,200})?)"
    rf"{_TITLE}\s*\)"
)
_IMAGE = rf"!\[[^\[\]]{{0,500}}\](?:{_TARGET}|\[[^\[\]]{{0,200}}\])"
_MARK = re.compile(
    rf"""(?=[\\`!\[<&*_~\n])(?:
      \\(?P<escape>[!-/:-@\[-`{{-~])
    | (?P<ticks>`{{1,3}})(?!`)(?P<code>[^`]{{1,1000}})(?P=ticks)(?!`)
    | (?P<image>\[{_IMAGE}\]{_TARGET}|{_IMAGE})
    | (?P<footnote>\[\^[^\[\]\s]{{1,100}}\])
    | \[(?P<link>[^\[\]]{{1,1000}})\](?:{_TARGET}|\[[^\[\]]{{0,200}}\])
    | <(?P<address>[a-z][a-z0-9+.-]{{1,30}}:[^\s<>]{{1,2000}}|[^\s<>@]{{1,200}}@[^\s<>@]{{1,200}})>
    | (?P<comment><!--)
    | </?(?P<tag>[a-zA-Z][a-zA-Z0-9]{{0,15}})(?:\s[^<>]{{0,1000}})?/?>
    | (?P<reference>&(?:\#[0-9]{{1,7}}|\#[xX][0-9a-fA-F]{{1,6}}|[a-zA-Z][a-zA-Z0-9]{{1,31}});)
    | (?P<delimiter>\*{{1,3}}|_{{1,3}}|~~)
    | (?P<blank>\n\n)
    )""",
    re.VERBOSE | re.DOTALL,
)


class _Emphasis:
    """Pairs the marks of emphasis inside a paragraph; only marks of a pair are removed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._opened: dict[str, list[tuple[int, int]]] = {}
        self.removed: set[int] = set()

    def end_paragraph(self) -> None:
        """Forget marks that are still open."""
        self._opened.clear()

    def add(self, start: int, end: int) -> None:
        """Take the next run of marks."""
        mark = self._text[start:end]
        before = self._text[start - 1 : start] or " "
        after = self._text[end : end + 1] or " "
        openers = self._opened.setdefault(mark, [])
        if openers and not before.isspace() and not _continues_word(after) and openers[-1][1] < start:
            self.removed |= {openers.pop()[0], start}
        elif not after.isspace() and after not in "*_~" and not _continues_word(before) and before != mark[0]:
            openers.append((start, end))


def _continues_word(character: str) -> bool:
    # scripts without spaces have marks between their characters
    return character.isascii() and character.isalnum()


def inline_text(text: str) -> MappedText:
    """Return a text without the marks inside its lines."""
    found = list(_edits(text, 0, len(text)))
    emphasis = _Emphasis(text)
    for kind, start, end in found:
        if kind == "blank":
            emphasis.end_paragraph()
        elif kind == "delimiter":
            emphasis.add(start, end)
    builder, position = TextBuilder(text), 0
    for kind, start, end in found:
        if kind == "blank" or (kind == "delimiter" and start not in emphasis.removed):
            continue
        builder.copy(position, start)
        _replace(builder, kind, text[start:end], start, end)
        position = end
    builder.copy(position, len(text))
    return builder.build()


def _edits(text: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Yield the kind, start and end of each mark from `start` to `end`, in order."""
    comments_end = text.rfind("-->", start, end)
    while match := _MARK.search(text, start, end):
        start = match.end()
        if match["comment"]:
            if start <= comments_end:
                start = text.index("-->", start) + 3
                yield "mark", match.start(), start
            continue
        kept = next((name for name in ("escape", "code", "link", "address") if match[name] is not None), None)
        if kept:
            yield "mark", match.start(), match.start(kept)
            if kept == "link":  # its text holds no brackets, so this goes one level deep
                yield from _edits(text, *match.span(kept))
            yield "mark", match.end(kept), match.end()
        elif not match["tag"] or match["tag"].lower() in ELEMENTS:
            yield match.lastgroup or "", *match.span()


def _replace(builder: TextBuilder, kind: str, mark: str, start: int, end: int) -> None:
    if kind == "reference":
        builder.insert(unescape(mark), start, end)
    elif kind == "tag" and mark.lower().startswith("<br"):
        builder.separate(LINE)
