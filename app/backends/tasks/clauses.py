"""The clauses of a sentence, where a word such as "but" sets one against another, and the parts of enumerations."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from unicodedata import category

# (start, end) in code points
Span = tuple[int, int]

# words that open a contrast, as regular expressions
_CONTRASTS: Mapping[str, str] = {
    "en": "but|however|although|though|whereas|unfortunately|sadly|on the other hand",
    "de": "aber|jedoch|allerdings|obwohl|leider",
    "fr": "mais|cependant|par contre|bien que|malheureusement",
    "es": "pero|sin embargo|aunque|lamentablemente",
    "it": "ma|però|tuttavia|purtroppo",
    "pt": "mas|porém|no entanto|infelizmente",
    "nl": "maar|echter|helaas",
    "pl": "ale|jednak|niestety",
    "ru": "но|однако|хотя|к сожалению",
    "tr": "ama|fakat|ancak|maalesef",
    "hi": "लेकिन|मगर|किंतु",
    "ar": "لكن|ولكن|لكنه|لكنها",
    "ko": "하지만|그러나",
    "zh": "但是|但|可是|不过|然而",
    "ja": "しかし|でも|けれど",
    "th": "แต่",
}
# scripts without spaces have no boundaries of words
_UNSPACED = frozenset(("zh", "ja", "th"))
# a clause of fewer letters says too little
_MIN_LETTERS = 4
# the parts of an enumeration: "great camera, terrible battery and a fair price"
_LIST = re.compile(r"[,;،、，；]|\b(?:and|und|et|y|e|en|i|и|ve|और|و)\b", re.IGNORECASE)
_MIN_WORDS = 2
# the category of emoji and stars in Unicode
_OTHER_SYMBOL = "So"


def clause_spans(text: str, sentence: Span, language: str | None) -> list[Span]:
    """Return the clauses of a sentence: it is split before each word of contrast, unless a side would be tiny."""
    start, end = sentence
    clauses: list[Span] = []
    for match in _pattern(language).finditer(text, start, end):
        if _letters(text[start : match.start()]) >= _MIN_LETTERS and _letters(text[match.end() : end]) >= _MIN_LETTERS:
            clauses.append(_trimmed(text, start, match.start()))
            start = match.start()
    return [*clauses, (start, end)]


def with_words(text: str, clauses: Sequence[Span]) -> list[Span]:
    """Return the clauses; one without letters and symbols, such as a number, belongs to the clause before it."""
    found: list[Span] = []
    for start, end in clauses:
        if found and not any(char.isalpha() or category(char) == _OTHER_SYMBOL for char in text[start:end]):
            start = found.pop()[0]
        found.append((start, end))
    return found


def _pattern(language: str | None) -> re.Pattern[str]:
    words = _CONTRASTS.get(language or "en", _CONTRASTS["en"])
    return re.compile(words if language in _UNSPACED else rf"\b(?:{words})\b", re.IGNORECASE)


def _trimmed(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def aspect_spans(text: str, aspect: str, clauses: Sequence[Span]) -> list[Span]:
    """Return the parts of clauses that name an aspect: a clause is split at commas and at words such as "and"."""
    places = [start for start, _ in mentions(text, aspect)]
    parts = [part for clause in clauses for part in _listed_parts(text, clause)]
    return [(start, end) for start, end in parts if bisect_left(places, start) < bisect_left(places, end)]


def _listed_parts(text: str, clause: Span) -> list[Span]:
    """Return the parts of a clause; one of fewer than _MIN_WORDS words stays with the next."""
    start, end = clause
    parts: list[Span] = []
    for match in _LIST.finditer(text, start, end):
        if min(len(text[start : match.start()].split()), len(text[match.end() : end].split())) >= _MIN_WORDS:
            parts.append(_trimmed(text, start, match.start()))
            start = match.end()
    return [*parts, _trimmed(text, start, end)]


def mentions(text: str, name: str) -> Iterator[Span]:
    """Yield the places where a text names an aspect: its words in any case, also with the ending of a plural."""
    words = r"\s+".join(map(re.escape, name.split()))
    for match in re.finditer(
        rf"(?<!\w){words}(?:s|es|en|e|n)?(?!\w)" if name.isascii() else words, text, re.IGNORECASE
    ):
        yield match.span()
