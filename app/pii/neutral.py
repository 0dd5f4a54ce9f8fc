"""Hides numbers of other kinds from the rules: dates, UUIDs, hashes, ISBNs and decimals."""

import re

from stdnum import isbn

# hidden numbers become this character, which no rule takes
HIDDEN = "\0"

_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_TIME = r"[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
_NEUTRAL = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
    r"|(?=[0-9]*[A-Fa-f])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{24,}"
    rf"|(?:19|20)\d{{2}}([-/.]){_MONTH}\1{_DAY}(?:{_TIME}(?:Z|[+-]\d{{2}}:?\d{{2}})?)?"
    rf"|{_DAY}([-/.]){_MONTH}\2(?:19|20)\d{{2}}(?:{_TIME})?"
    r"|\d{1,2}:\d{2}:\d{2}"
    r"|(?:(?:19|20)\d{2}[ ,/-]{1,2}){2,40}(?:19|20)\d{2}"
    r"|0\.\d+"
    r"|(?:97[89][- ]?)(?:\d[- ]?){9}\d"
    r"|(?:\d[- ]?){8}\d-?[Xx]"
    r")(?![0-9A-Za-z])"
)


def without_neutral_numbers(text: str) -> str:
    """Return the text, of the same length, with these numbers hidden."""
    return _NEUTRAL.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    is_book = match[0].startswith(("978", "979")) or match[0][-1] in "Xx"
    if is_book and "." not in match[0] and not isbn.is_valid(match[0]):
        return match[0]
    return HIDDEN * len(match[0])
