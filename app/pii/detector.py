"""Finds personal data in a text by rules."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

from app.pii.findings import Finding, without_overlaps
from app.pii.neutral import without_neutral_numbers
from app.pii.normalized import normalized
from app.pii.rules.accounts import find_cards, find_crypto, find_ibans
from app.pii.rules.documents import find_dates_of_birth, find_passports
from app.pii.rules.emails import find_emails
from app.pii.rules.encoded import find_encoded
from app.pii.rules.national_ids import find_national_ids
from app.pii.rules.networks import find_ips, find_macs
from app.pii.rules.phones import find_phones
from app.pii.rules.secrets import find_secrets

# a long text is searched in parts of this size, each with the characters around it
PART_CHARS = 16 * 1024
BEFORE_CHARS = 256
# the longest finding is a private key
AFTER_CHARS = 4 * 1024

_Find = Callable[[str], Iterator[Finding]]

# in the order in which they win where findings overlap
_FINDERS: dict[str, _Find] = {
    "secret": find_secrets,
    "email": find_emails,
    "crypto": find_crypto,
    "mac": find_macs,
    "ip": find_ips,
    "passport": find_passports,
    "date_of_birth": find_dates_of_birth,
}
# Their numbers resemble each other, so that each is looked for where one is asked for.
_NUMBERS = ("iban", "card", "national_id", "phone")
_ORDER = {kind: position for position, kind in enumerate((*_FINDERS, *_NUMBERS))}


def find_personal_data(
    text: str, kinds: Collection[str], countries: Sequence[str] = (), pause: Callable[[], None] = lambda: None
) -> list[Finding]:
    """Return the findings of rule kinds in order; none overlaps another.

    `countries` limits national identifiers, and names the regions of phone numbers without a country code; codes of
    ISO 3166-1. `pause` is called after each part of a long text.
    """
    found: list[Finding] = []
    end = 0
    for begin in range(0, len(text), PART_CHARS):
        first = max(0, begin - BEFORE_CHARS)
        part = text[first : begin + PART_CHARS + AFTER_CHARS]
        for finding in _find_in_part(part, kinds, countries):
            start = finding.start + first
            if max(begin, end) <= start < begin + PART_CHARS:
                end = finding.end + first
                found.append(replace(finding, start=start, end=end))
        pause()
    return found


def _find_in_part(text: str, kinds: Collection[str], countries: Sequence[str]) -> list[Finding]:
    plain = normalized(text)
    candidates: list[Finding] = []
    for kind, find in _FINDERS.items():
        if kind in kinds:
            candidates += find(plain.text)
    if not set(_NUMBERS).isdisjoint(kinds):
        numbers = without_neutral_numbers(plain.text)
        for find in (
            find_ibans,
            find_cards,
            partial(find_national_ids, countries=countries),
            partial(find_phones, regions=countries),
        ):
            candidates += find(numbers)
    candidates += find_encoded(plain.text, partial(_find_in_part, kinds=kinds, countries=countries))
    chosen = (finding for finding in without_overlaps(sorted(candidates, key=_precedence)) if finding.kind in kinds)
    return [_with_span(finding, *plain.span(finding.start, finding.end)) for finding in chosen]


def _precedence(finding: Finding) -> tuple[bool, bool, int, int]:
    """Return the key by which the most certain finding comes first: a word before a phone or an id decides."""
    is_ambiguous = finding.kind in ("national_id", "phone")
    return is_ambiguous, is_ambiguous and not finding.labelled, _ORDER[finding.kind], finding.start - finding.end


def _with_span(finding: Finding, start: int, end: int) -> Finding:
    return replace(finding, start=start, end=end)
