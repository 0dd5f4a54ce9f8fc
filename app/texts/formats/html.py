"""The text of HTML: block elements become paragraphs and lines, boilerplate goes, character references are decoded."""

import re
from collections import Counter
from html import unescape

from app.texts.formats.html_boilerplate import ends_mail, is_boilerplate, is_quoted_mail
from app.texts.formats.html_tokens import Token, tokens
from app.texts.mapped_text import LINE, PARAGRAPH, SPACE, TAB, MappedText, TextBuilder

_SEPARATORS = {
    name: separator
    for separator, names in (
        (
            PARAGRAPH,
            "p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote section article header main figure pre hr form address "
            "fieldset details body center",
        ),
        (LINE, "div li tr dt dd caption figcaption legend option optgroup summary br thead tbody"),
        (TAB, "td th"),
    )
    for name in names.split()
}
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
_VOID = frozenset(_VOID_NAMES.split())
# elements whose next sibling of the same name ends them
_SELF_CLOSING = frozenset({"p", "li", "tr", "td", "th", "dt", "dd", "option", "thead", "tbody"})

_CHARACTERS = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<reference>&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?)"
    r"|(?P<filler>[\u00ad\u034f\u200b\ufeff]+)"
    r"|&|[^\s&\u00ad\u034f\u200b\ufeff]+(?: [^\s&\u00ad\u034f\u200b\ufeff]+)*+"
)
_FILLERS = re.compile(r"[\u00ad\u034f\u200b\ufeff]")
_WORDS = re.compile(r"\w")
_CODE = re.compile(r"\b(?:code|highlight|language-|prettyprint)", re.IGNORECASE)
# the share of a page's text that its main part holds if it is marked as main
_MIN_MAIN_SHARE = 1 / 3


def html_text(source: str, mail: bool = False) -> MappedText:
    """Return the text of HTML; for a mail's HTML without quoted mails and signatures.

    If nothing would remain, what seems to be boilerplate is the text, or else the title.
    """
    page = _Page(source)
    text = page.text(mail, strict=True)
    main = page.main_text(mail)
    if main is not None and len(main.text) >= _MIN_MAIN_SHARE * len(text.text):
        return main
    return text if text.text else page.shown_otherwise(mail)


class _Page:
    def __init__(self, source: str) -> None:
        self._source = source
        self.tokens = list(tokens(source))
        self._ends = _element_ends(self.tokens)
        # a text with a few tags inside its lines is no page: its line ends have a meaning
        self._keeps_lines = not any(token.name in _SEPARATORS for token in self.tokens)

    def main_text(self, mail: bool) -> MappedText | None:
        """Return the text of the elements that are marked as the main part, if there are any."""
        for name in ("main", "article"):
            found = [index for index, token in enumerate(self.tokens) if token.name == name and index in self._ends]
            if found:
                builder, end = TextBuilder(self._source), 0
                for index in found:
                    if index >= end:  # an article in an article is a part of it
                        end = self._ends[index]
                        self._add(builder, index, end, mail, strict=True)
                return builder.build()
        return None

    def text(self, mail: bool, *, strict: bool) -> MappedText:
        """Return the text of all elements; unless it is strict, with what seems to be boilerplate."""
        builder = TextBuilder(self._source)
        self._add_characters(builder, 0, self.tokens[0].start if self.tokens else len(self._source))
        self._add(builder, 0, len(self.tokens), mail, strict)
        return builder.build()

    def shown_otherwise(self, mail: bool) -> MappedText:
        """Return what seems to be boilerplate, or else the title, as of a page that a script fills."""
        text = self.text(mail, strict=False)
        title = next((token for token in self.tokens if token.name == "title" and not token.closes), None)
        if text.text or title is None:
            return text
        builder = TextBuilder(self._source)
        start = self._source.index(">", title.start) + 1
        self._add_characters(builder, start, max(start, self._source.rfind("<", start, title.end)))
        return builder.build()

    def _add(self, builder: TextBuilder, first: int, end: int, mail: bool, strict: bool) -> None:
        index, preformatted = first, 0
        while index < end:
            token = self.tokens[index]
            if mail and ends_mail(token):
                return
            _separate(builder, token)
            if token.name == "pre":
                preformatted = self._ends.get(index, 0)
            if strict and not token.closes and self._is_skipped(index, mail):
                index = self._ends[index]
            else:
                index += 1
                following = self.tokens[index].start if index < len(self.tokens) else len(self._source)
                self._add_characters(builder, token.end, following, index <= preformatted)

    def _add_characters(self, builder: TextBuilder, start: int, end: int, keeps_lines: bool = False) -> None:
        keeps_lines |= self._keeps_lines
        for match in _CHARACTERS.finditer(self._source, start, end):
            if match.lastgroup is None:
                builder.copy(*match.span())
            elif match.lastgroup == "space":
                breaks = match[0].count("\n") if keeps_lines else 0
                builder.separate((SPACE, LINE, PARAGRAPH)[min(breaks, 2)])
            elif match.lastgroup == "reference":
                _add_reference(builder, match)

    def _is_skipped(self, index: int, mail: bool) -> bool:
        token = self.tokens[index]
        if index not in self._ends:
            return False
        return is_boilerplate(token) or self._is_code(index) or (mail and is_quoted_mail(token))

    def _is_code(self, index: int) -> bool:
        token = self.tokens[index]
        if token.name != "pre":
            return False
        inner = self.tokens[index + 1] if index + 1 < len(self.tokens) else token
        return bool(_CODE.search(token.written)) or inner.name == "code"


def _element_ends(found: list[Token]) -> dict[int, int]:
    """Return for each start tag whose element has an end the index of the tag that ends it."""
    ends: dict[int, int] = {}
    stack: list[int] = []
    opened: Counter[str] = Counter()

    def close(end: int) -> None:
        opened[found[stack[-1]].name] -= 1
        ends[stack.pop()] = end

    for index, token in enumerate(found):
        if token.closes:
            if opened[token.name]:
                while found[stack[-1]].name != token.name:
                    close(index)
                close(index)
        elif token.name and token.name not in _VOID:
            if stack and token.name in _SELF_CLOSING and found[stack[-1]].name == token.name:
                close(index)
            stack.append(index)
            opened[token.name] += 1
    return ends


def _separate(builder: TextBuilder, token: Token) -> None:
    if token.name == "br":
        builder.separate_line()
    elif token.name == "img":
        alternative = token.attributes.get("alt", "").strip()
        if alternative and not _WORDS.search(alternative):  # an emoji, or stars
            builder.insert(alternative, token.start, token.end)
    elif separator := _SEPARATORS.get(token.name):
        builder.separate(separator)


def _add_reference(builder: TextBuilder, match: re.Match[str]) -> None:
    decoded = unescape(match[0])
    if decoded == match[0]:
        builder.copy(*match.span())
    elif decoded.isspace():
        builder.separate(SPACE)
    else:
        builder.insert(_FILLERS.sub("", decoded), *match.span())
