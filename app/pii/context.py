"""Words before a number that say what it is."""

import re

# characters before a number in which such a word counts
WINDOW_CHARS = 48

# numbers that are no personal data
OTHER_NUMBERS = (
    r"order|orders|bestell\w*|auftrag\w*|commande|pedido|ordine|zam[oó]wieni\w*|invoice|rechnung\w*|facture?|factura|"
    r"fattura|faktura|tracking|track|parcel|sendung\w*|isbn|issn|ean|upc|gtin|sku|asin|doi|pmid|arxiv|ref|reference|"
    r"referenz\w*|ticket|case|serial|serien\w*|version|ver|v|build|rev|revision|release|firmware|model|part|lot|batch|"
    r"artikel\w*|article|item|product|produkt\w*|commit|hash|sha|checksum|crc|uuid|timestamp|epoch|total|amount|price|"
    r"preis|prix|precio|sum|revenue|population|section|chapter|page|pages|line|row|seed|pi|vin|imei|booking|flight|"
    r"transaction|txn|job|run|process|pid|port|error|code|issue|pr|pull|docket|patent|barcode|coordinates?|lat|lon|"
    r"record|log|figure|table|queue|shipment|receipt|quittung|訂單|订单|単号|注文|注文番号|订单号|单号"
)
_WORD_START, _WORD_END = r"(?<![^\W\d_])", r"(?![^\W\d_])"


def words(alternatives: str) -> re.Pattern[str]:
    """Return the pattern of one of the words as a word of its own."""
    return re.compile(rf"{_WORD_START}(?:{alternatives}){_WORD_END}", re.IGNORECASE)


def symbols(alternatives: str, plain: str) -> re.Pattern[str]:
    """Return the pattern of words, and of `plain` ones of languages that put no spaces between words."""
    return re.compile(rf"{_WORD_START}(?:{alternatives}){_WORD_END}|(?:{plain})", re.IGNORECASE)


_OTHER = words(OTHER_NUMBERS)
# a clause ends here: words before it belong to something else
# a short word with a dot is an abbreviation, such as `no.` and `tel.`
_BREAK = re.compile(r"[;!?](?=\s)|(?:(?<=[^\W\d_]{5})|(?<=[\d)\]\"']))\.(?=\s)|。|\n{2,}")
_LETTER = re.compile(r"[^\W\d_]")
_CLAUSE_AFTER = re.compile(r" ?[^\W\d_][^,;:.!?\n\d]{1,32}| ?\([^,;:.!?\n\d]{1,32}")


def label(text: str, start: int, end: int, pattern: re.Pattern[str]) -> bool | None:
    """Return what the nearest word says of the number between two offsets: True for the pattern's, False for another's.

    Words before the number come first, then those after it; None if there is neither in its clause.
    """
    before = _clause_before(text, start)
    if not _LETTER.search(before):  # as in a table of numbers
        own = other = -1
    else:
        own, other = _last(pattern, before), _last(_OTHER, before)
    if own < 0 and other < 0:
        after = _CLAUSE_AFTER.match(text, end)
        return True if after and pattern.search(after[0]) else None
    return own >= other


def is_other_number(text: str, start: int) -> bool:
    """Return whether the words before an offset announce a number that is no personal data."""
    return _OTHER.search(_clause_before(text, start)) is not None


def _clause_before(text: str, start: int) -> str:
    before = text[max(0, start - WINDOW_CHARS) : start]
    breaks = list(_BREAK.finditer(before))
    return before[breaks[-1].end() :] if breaks else before


def _last(pattern: re.Pattern[str], text: str) -> int:
    return max((match.end() for match in pattern.finditer(text)), default=-1)
