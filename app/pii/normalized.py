"""One spelling for all forms of a text: digits, spaces, dashes and escapes of JSON, URLs and HTML."""

import html
import re
import unicodedata
from dataclasses import dataclass

# named references with which addresses are hidden; others stay
_NAMED = "commat|period|plus|lowbar|nbsp|hyphen|dash|colon|sol|num|lpar|rpar|quot|lt|gt|apos"
_ESCAPE = re.compile(
    r"\u200b"  # stands for every invisible character
    r"|%(?:25){0,4}(?P<percent>[2-7][0-9A-Fa-f]|0[9AaDd])"
    r"|(?P<bytes>%(?:25){0,4}[C-Fc-f][0-9A-Fa-f](?:%(?:25){0,4}[89ABab][0-9A-Fa-f]){1,3})"
    rf"|&(?:amp;){{0,4}}(?P<entity>#[0-9]{{1,7}}|#[xX][0-9A-Fa-f]{{1,6}}|{_NAMED});"
    r"|\\{1,8}u(?P<unicode>[0-9A-Fa-f]{4})"
    r"|\\{1,8}(?P<letter>[nrt/\"'])"
)
_BYTE = re.compile(r"%(?:25)*([0-9A-Fa-f]{2})")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
# far more than the texts of one language have; all of Unicode would take 15 MB
MAX_KNOWN_CHARACTERS = 20_000
_INVISIBLE_CATEGORY = "Cf"
_INVISIBLE = "\u200b"


@dataclass(frozen=True, slots=True)
class NormalizedText:
    """A text in one spelling; `span` converts its offsets to those of the text as it was."""

    text: str
    # for each character its first offset and the one after its last; None if both texts have equal offsets
    _starts: list[int] | None = None
    _ends: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets of a part that is not empty in the text as it was."""
        if self._starts is None or self._ends is None:
            return start, end
        return self._starts[start], self._ends[end - 1]


class _Characters(dict[int, str]):
    """A table for `str.translate` that finds each character's plain form once; length stays."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = _plain(character)
        if len(self) < MAX_KNOWN_CHARACTERS:
            self[code] = plain
        return plain


def _plain(character: str) -> str:
    """Return the ASCII digit, space, dash or sign of a character, U+200B for an invisible one, else the character."""
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == _INVISIBLE_CATEGORY or character in "\u034f\u115f\u1160\u3164\ufe0f\ufe0e":
        return _INVISIBLE
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category == "Pd" or character == "\u2212":
        return "-"
    if category in ("Zs", "Zl", "Zp"):
        return " "
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 and folded.isascii() else character


_TABLE = _Characters()


def normalized(text: str) -> NormalizedText:
    """Return the text in one spelling, in time that is linear in its length."""
    plain = text if text.isascii() else text.translate(_TABLE)
    first = _ESCAPE.search(plain)
    if first is None:
        return NormalizedText(plain)
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for match in _ESCAPE.finditer(plain, first.start()):
        _add(parts, starts, ends, plain[position : match.start()], position)
        for character in _unescaped(match).replace(_INVISIBLE, ""):
            parts.append(character)
            starts.append(match.start())
            ends.append(match.end())
        position = match.end()
    _add(parts, starts, ends, plain[position:], position)
    return NormalizedText("".join(parts), starts, ends)


def _add(parts: list[str], starts: list[int], ends: list[int], part: str, position: int) -> None:
    parts.append(part)
    starts.extend(range(position, position + len(part)))
    ends.extend(range(position + 1, position + len(part) + 1))


def _unescaped(match: re.Match[str]) -> str:
    """Return the characters of an escape, of which more than one has a bad form."""
    if code := match["percent"] or match["unicode"]:
        return _plain(chr(int(code, 16)))
    if encoded := match["bytes"]:
        return "".join(map(_plain, bytes(int(byte, 16) for byte in _BYTE.findall(encoded)).decode(errors="replace")))
    if entity := match["entity"]:
        return "".join(map(_plain, html.unescape(f"&{entity};")))
    letter = match["letter"]
    return _LETTERS.get(letter, letter) if letter else ""
