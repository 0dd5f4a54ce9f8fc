"""Removes quotes of a request from an upstream's error text, so that no log line holds a client's text."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

REMOVED = "[removed]"
# a quote has at least this number of adjacent words, or a word of at least this number of characters
MIN_WORDS = 3
MIN_WORD_CHARS = 12
# error texts are in English: a word of another script is a quote if the request has it
MIN_FOREIGN_CHARS = 2
# a complete text of fewer words, such as a prompt of one word, is a quote from this length on
MIN_TEXT_CHARS = 4
# a long text is read in pieces, to bound memory; the overlap is longer than any error text
PIECE_CHARS = 65_536
OVERLAP_CHARS = 512

_WORD = re.compile(r"\w+")
# as JSON and Python write a text inside another one
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf])")
# names of the service's or the upstream's own vocabulary, and data of images
_OWN_VALUES = ("model", "role", "type")
_DATA_URL = "data:"
# objects whose keys the client chooses
_CLIENT_KEYS = ("metadata", "properties")

_Words = tuple[str, ...]


def without_quotes(reason: str, body: Mapping[str, Any] | None) -> str:
    """Return an upstream's error text without the words that the request body has in its texts.

    Names of the body's own fields stay. The time is linear in the size of the body.
    """
    if not reason or not body:
        return reason
    reason = _ESCAPE.sub(_unescape, reason).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    found = list(_WORD.finditer(reason))
    words = tuple(match[0].casefold() for match in found)
    quotes = _quotes(words, body)
    quoted = {
        position
        for size in range(1, MIN_WORDS + 1)
        for start in range(len(words) - size + 1)
        if words[start : start + size] in quotes
        for position in range(start, start + size)
    }
    return _cut(reason, [match.span() for position, match in enumerate(found) if position in quoted])


def _quotes(words: _Words, body: Mapping[str, Any]) -> set[_Words]:
    """Return the runs of at most MIN_WORDS of an error text's words that are quotes of the body."""
    fields = {name.casefold() for name in body}
    long_words = {word for word in words if len(word) >= _min_chars(word)} - fields
    runs = set(_runs(words))
    quotes: set[_Words] = set()
    for text in _pieces(body):
        sent = tuple(_WORD.findall(text))
        quotes.update(runs.intersection(_runs(sent)))
        quotes.update((word,) for word in long_words if word in text)
        if len(sent) < MIN_WORDS and sum(map(len, sent)) >= MIN_TEXT_CHARS and text not in fields:
            quotes.add(sent)
    return quotes


def _min_chars(word: str) -> int:
    return MIN_WORD_CHARS if word.isascii() else MIN_FOREIGN_CHARS


def _runs(words: _Words) -> Iterator[_Words]:
    return zip(*(words[start:] for start in range(MIN_WORDS)), strict=False)


def _pieces(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a body in lower case, long ones in pieces."""
    for text in _texts(body):
        for start in range(0, len(text), PIECE_CHARS):
            yield text[start : start + PIECE_CHARS + OVERLAP_CHARS].casefold()


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the strings of a body that a client can have written."""
    values: list[Any] = [body]
    while values:
        value = values.pop()
        if isinstance(value, str) and not value.startswith(_DATA_URL):
            yield value
        elif isinstance(value, list):
            values += value
        elif isinstance(value, Mapping):
            values += [item for key, item in value.items() if key not in _OWN_VALUES or not isinstance(item, str)]
            values += [[*value[key]] for key in _CLIENT_KEYS if isinstance(value.get(key), Mapping)]


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else " "


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    """Return the text with each run of spans, apart by no other word, replaced by one REMOVED."""
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        between = text[end:start]
        if not parts or _WORD.search(between):
            parts += [between, REMOVED]
        end = stop
    return "".join([*parts, text[end:]])
