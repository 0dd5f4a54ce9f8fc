"""Accounts: IBAN (ISO 13616), payment cards (ISO/IEC 7812) and addresses of Bitcoin and Ethereum."""

import re
from collections.abc import Iterator

from stdnum import bitcoin, iban, luhn, numdb

from app.pii.context import label, symbols
from app.pii.findings import Finding

_MIN_IBAN, _MAX_IBAN = 15, 34
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?\d{2}(?:[ .\-\n]{0,2}[A-Za-z0-9]){11,40}")

_COUNTRIES = numdb.get("iban")
MAX_CARD_DIGITS = 19
_DIGIT_RUN = re.compile(r"(?<![0-9A-Za-z+])\d(?:[ .\-\n]{0,2}\d){12,}(?![0-9A-Za-z])")
_DIGITS = re.compile(r"\d+")
# prefixes of the networks, with the lengths of their numbers
_NETWORKS = re.compile(
    r"4(?:\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d{2})\d{12,15}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|3(?:0[0-5]|095|[689]\d)\d{11}"  # Diners Club
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
    r"|(?:2200|2201|2202|2203|2204)\d{12}"  # Mir
    r"|(?:60|65|81|82|508)\d{13,14}"  # RuPay, Elo
)
# digits are written in these groups, in one, or one by one
_GROUPS = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (8, 8), (6, 13)})
_CARD_WORDS = symbols(
    r"cards?|visa|master\s?card|amex|american express|credit|debit|kredit\w*|karten?\w*|carte|cb|tarjeta|carta|"
    r"cart[aã]o|karta|kort\w*|pan|maestro|discover|diners|jcb|unionpay|kaart\w*",
    "カード|卡|카드|कार्ड",
)

_BASE58 = re.compile(r"(?<![A-Za-z0-9])(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71})(?![A-Za-z0-9])")
_ETHEREUM = re.compile(r"(?<![A-Za-z0-9])0x[0-9A-Fa-f]{40}(?![A-Za-z0-9])")


def find_ibans(text: str) -> Iterator[Finding]:
    """Yield the account numbers whose length and check digits are those of their country."""
    position = 0
    while match := _IBAN.search(text, position):
        end = _end_of_iban(text, match)
        if end:
            yield Finding("iban", match.start(), end, checked=True, country=match[0][:2].upper())
        position = end or match.start() + 2


def _end_of_iban(text: str, match: re.Match[str]) -> int:
    """Return the end of a valid number at the beginning of a match; 0 without one."""
    compact = ""
    if not _COUNTRIES.info(match[0][:2].upper())[0][1]:
        return 0
    for offset, character in enumerate(match[0]):
        if not character.isalnum():
            continue
        compact += character
        following = text[match.start() + offset + 1 : match.start() + offset + 2]
        is_end = not (following.isascii() and following.isalnum())
        if len(compact) >= _MIN_IBAN and is_end and iban.is_valid(compact, check_country=False):
            return match.start() + offset + 1
        if len(compact) == _MAX_IBAN:
            break
    return 0


def find_cards(text: str) -> Iterator[Finding]:
    """Yield the numbers of known networks whose check digit is right, also between other numbers."""
    for run in _DIGIT_RUN.finditer(text):
        groups = [match.span() for match in _DIGITS.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            count = _card_groups(text, groups[first : first + MAX_CARD_DIGITS])
            if count:
                yield Finding("card", groups[first][0], groups[first + count - 1][1], checked=True)
            first += count or 1


def _card_groups(text: str, groups: list[tuple[int, int]]) -> int:
    """Return how many groups at the beginning of a list are the number of a card; 0 if they are none."""
    digits = ""
    for count, (start, end) in enumerate(groups, 1):
        digits += text[start:end]
        if len(digits) > MAX_CARD_DIGITS:
            return 0
        if not _NETWORKS.fullmatch(digits) or not luhn.is_valid(digits):
            continue
        lengths = tuple(last - first for first, last in groups[:count])
        is_usual = count == 1 or lengths in _GROUPS or set(lengths) == {1}
        if is_usual or label(text, groups[0][0], end, _CARD_WORDS):
            return count
    return 0


def find_crypto(text: str) -> Iterator[Finding]:
    """Yield the addresses of wallets."""
    for match in _BASE58.finditer(text):
        if bitcoin.is_valid(match[0]):
            yield Finding("crypto", match.start(), match.end(), checked=True)
    for match in _ETHEREUM.finditer(text):
        yield Finding("crypto", match.start(), match.end(), checked=False)
