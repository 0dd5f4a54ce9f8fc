"""Finds the national identifiers of the tables."""

import re
from collections.abc import Iterable, Iterator

from app.pii.context import is_other_number, label
from app.pii.findings import Finding
from app.pii.rules.identifier import Evidence, Identifier
from app.pii.rules.ids_europe import EUROPE
from app.pii.rules.ids_world import WORLD

IDENTIFIERS = (*EUROPE, *WORLD)
COUNTRIES = tuple(sorted({identifier.country for identifier in IDENTIFIERS}))

# an identifier begins with a digit, or with up to six letters in front of one; a seventh digit or letter follows soon
_STARTS = re.compile(
    r"(?<![0-9A-Za-z+])(?<!\d[-./])(?=\d(?:[ .\-/\n]?[0-9A-Za-z]){5}|[A-Za-z]{1,5}[ -]?\d(?:[ -]?[0-9A-Za-z]){4}"
    r"|[A-Za-z]{3} ?[A-Za-z]{3} ?[0-9L-V])"
)
# one search for all forms: most numbers have none of them
_ANY = re.compile("|".join(identifier.pattern.pattern for identifier in IDENTIFIERS), re.IGNORECASE)
_SEPARATORS = re.compile(r"[ .\-/\n]")
# signs between the parts of these are parts of the number
_SIGNED = frozenset({"hetu", "personnummer"})
_MIN_DIFFERENT = 2


def find_national_ids(text: str, countries: Iterable[str] = ()) -> Iterator[Finding]:
    """Yield the identifiers of the countries, of all without one. Those of several countries are yielded for each."""
    chosen = frozenset(countries)
    identifiers = [identifier for identifier in IDENTIFIERS if not chosen or identifier.country in chosen]
    for start in _STARTS.finditer(text):
        if not _ANY.match(text, start.start()):
            continue
        for identifier in identifiers:
            match = identifier.pattern.match(text, start.start())
            if match and (finding := _finding(identifier, match, text)):
                yield finding


def _finding(identifier: Identifier, match: re.Match[str], text: str) -> Finding | None:
    compact = match[0] if identifier.name in _SIGNED else _SEPARATORS.sub("", match[0])
    if identifier.is_valid is not None and not identifier.is_valid(compact):
        return None
    says = label(text, *match.span(), identifier.label)
    if not says and (
        identifier.evidence is Evidence.LABEL or _is_improbable(compact) or is_other_number(text, match.start())
    ):
        return None
    return Finding(
        "national_id",
        match.start(),
        match.end(),
        checked=identifier.is_valid is not None,
        labelled=bool(says),
        country=identifier.country,
        name=identifier.name,
    )


def _is_improbable(compact: str) -> bool:
    """Return whether a number has hardly any different digits, as those of examples and of empty fields."""
    return len(set(compact)) <= _MIN_DIFFERENT
