"""Phone numbers, checked by Google's libphonenumber."""

import re
from collections.abc import Iterable, Iterator, Sequence

import phonenumbers

from app.pii.context import label, symbols
from app.pii.findings import Finding

# regions whose national numbers are looked for if none is named
REGIONS = (
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "CH", "AT", "PL", "SE", "NO", "DK", "FI", "IE", "PT", "CZ", "BR",
    "MX", "AR", "IN", "CN", "JP", "KR", "AU", "ZA", "TR", "RU", "GR",
)  # fmt: skip
# no national number begins with 0 there
_WITHOUT_ZERO = frozenset({"US", "ES", "PL", "NO", "DK", "PT", "CZ", "MX", "GR", "RU"})
# digits of a group on average: no number is written digit by digit
MIN_GROUP_DIGITS = 1.5
MIN_DIGITS, MAX_DIGITS = 7, 15
# a shorter number without separators is one of many kinds
MIN_BARE_DIGITS = 9
_RUN = re.compile(r"(?<![0-9A-Za-z_+])(?<!\d[-./:,])(?:\+ ?|00)?\(?\d(?:[ .()\-/\n]{0,3}\d){5,18}(?![0-9A-Za-z_])")
_NANP = re.compile(r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([ .-]))[2-9]\d{2}(?:[ .-])\d{4}")
_WORDS = symbols(
    r"tel\w*|phone\w*|tlf\.?|tfno?\.?|tél\w*|telefon\w*|teléfono\w*|telefone|telefoon\w*|mobile?\w*|móvil|cell\w*|celular|"
    r"cellulare|handy\w*|portable|komórk\w*|gsm|call|ring|ruf\w*|appel\w*|appeler|ll[aá]m\w*|chiam\w*|bel|zadzwo\w*|dzwoń|"
    r"puhelin\w*|soita|fax|sms|text|whats\s?app|signal|reach(?:ed)?|contact\w*|kontakt\w*|erreichbar|joindre|numéro|"
    r"my number|hotline|landline|festnetz\w*|extension|dial|nummer|número|numer|hívj\w*|ligue|ligar|liga|fono|ring på|"
    r"mob\.?|cel|puh|ph",
    "電話|电话|手机|手機|携帯|전화|휴대폰|연락처|फ़?ोन|मोबाइल|هاتف|جوال|טלפון|тел\\w*|звон\\w*|โทร",
)
# as in +33 (0) 6 12 34 56 78; each end is looked up in the plans of all regions
MAX_GROUPS = 8
_NUMBER = re.compile(r"\d+")
_LISTED_BEFORE, _LISTED_AFTER = re.compile(r"\d[ \n]"), re.compile(r"[ \n]\d")
# after such a word a number needs no numbering plan
DIRECT_CHARS = 24
_DIRECT = re.compile(
    r"(?:tel|phone|tlf|tfno|tél|telefon|teléfono|telefone|telefoon|mobile?|móvil|cell|celular|cellulare|handy|fax|whatsapp"
    r"|電話|电话|手机|携帯|전화|тел)\w{0,8}(?: ?(?:number|no|nr|num|is|ist|est|es|on|at|:|\.)){0,3} ?[.:=]? ?[(]?\Z",
    re.IGNORECASE,
)


def find_phones(text: str, regions: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield international numbers, and national ones of the regions, by default those of REGIONS."""
    position = 0
    while match := _RUN.search(text, position):
        start = match.start()
        says = label(text, *match.span(), _WORDS)
        named = says is True and _DIRECT.search(text[max(0, start - DIRECT_CHARS) : start]) is not None
        found = _longest_number(match[0], says, regions or REGIONS, is_named=named, is_narrow=bool(regions))
        if found and not (says is None and _is_in_list(text, start, start + found[0])):
            length, checked = found
            yield Finding("phone", start, start + length, checked=checked, labelled=says is True)
            position = start + length
        else:  # the number may begin with a later group of digits
            position = start + next(_NUMBER.finditer(match[0])).end()


def _is_in_list(text: str, start: int, end: int) -> bool:
    """Return whether groups of digits such as 800 900 1000 are some of a longer list of numbers."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    has_space = " " in text[start:end] and text[start] != "0"
    return text[start].isdigit() and bool(
        _LISTED_BEFORE.fullmatch(before) or (has_space and _LISTED_AFTER.fullmatch(after))
    )


def _longest_number(
    run: str, says: bool | None, regions: Sequence[str], *, is_named: bool, is_narrow: bool
) -> tuple[int, bool] | None:
    """Return the length of the longest number at the beginning of a run, and whether a numbering plan has it."""
    unchecked = None
    for end in reversed([number.end() for number in _NUMBER.finditer(run)][:MAX_GROUPS]):
        part = re.sub(r"\s", " ", run[:end])
        digits = re.sub(r"\D", "", part)
        if len(digits) < MIN_DIGITS:
            break
        if len(digits) > MAX_DIGITS or part.count("(") != part.count(")"):
            continue
        checked = _is_phone(part, digits, says, regions, is_named=is_named, is_narrow=is_narrow)
        if checked:
            return end, True
        if unchecked is None and (checked is not None or is_named):
            unchecked = end, False
    return unchecked


def _is_phone(
    part: str, digits: str, says: bool | None, regions: Sequence[str], *, is_named: bool, is_narrow: bool
) -> bool | None:
    """Return whether a numbering plan has the number; None if it has neither the form nor the context of one."""
    if part.startswith(("+", "00")):
        return _international(digits.lstrip("0"), is_certain=part[0] == "+")
    if says is False:
        return None
    if _NANP.fullmatch(part):
        return _is_valid(part, ("US",))
    has_groups = len(digits) < len(part)
    if says and len(digits) == len(part) < MIN_BARE_DIGITS and not is_named:
        return None
    has_form = (
        part[0] == "(" or (is_narrow and has_groups) or (part[0] == "0" and len(digits) >= (9 if has_groups else 10))
    )
    return True if (says or has_form) and _is_valid(part, regions) else None


def _international(digits: str, *, is_certain: bool) -> bool | None:
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_valid_number(number):
        return True
    return False if is_certain and phonenumbers.is_possible_number(number) else None


def _is_valid(number: str, regions: Iterable[str]) -> bool:
    has_trunk = number.startswith(("0", "(0"))
    return any(_is_valid_in(number, region) for region in regions if not (has_trunk and region in _WITHOUT_ZERO))


def _is_valid_in(number: str, region: str) -> bool:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number_for_region(parsed, region))
