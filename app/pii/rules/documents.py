"""Numbers of passports and dates of birth: only a word before them distinguishes them from others."""

import re
from collections.abc import Iterator

from app.pii.context import label, symbols
from app.pii.findings import Finding

_PASSPORT = re.compile(r"(?<![A-Za-z0-9])(?=[A-Z0-9]{0,3}\d{4})[A-Z]{0,3}\d{2}[A-Z0-9]{4,8}(?![A-Za-z0-9])")
_PASSPORT_WORDS = symbols(
    r"passports?|passport (?:no|number)|reisepass\w*|passnummer|passeport|pasaporte|passaporto|passaporte|paspoort\w*|"
    r"paszport\w*|pass(?:nummer|number)?\s?(?:no|nr)\.?",
    "護照|护照|旅券|パスポート|여권|паспорт\\w*|पासपोर्ट",
)
_MONTHS = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|janv|févr|avr|juin|juil|août|déc|ene|abr|ago|"
    r"dic|gen|mag|giu|lug|set|ott|fev|out|maj|sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru|mei|mrt|des)[^\W\d_]{0,9}\.?"
)
_DATE = re.compile(
    r"(?<![\w.])(?:\d{1,2}([./-]) ?\d{1,2}\1 ?(?:19|20)\d{2}|(?:19|20)\d{2}([./-])\d{1,2}\2\d{1,2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\.? (?:de |of )?{_MONTHS},?(?: de| of)? (?:19|20)\d{{2}}"
    rf"|{_MONTHS} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}}"
    r"|(?:19|20)\d{2} ?年 ?\d{1,2} ?月 ?\d{1,2} ?日|\d{1,2}([./-])\d{1,2}\3\d{2})(?!\w)",
    re.IGNORECASE,
)
_BIRTH_WORDS = symbols(
    r"born(?: on)?|birth\s?(?:date|day)|date of birth|d\.?o\.?b\.?|geboren(?: am| op)?|geburts(?:datum|tag)|geb\.?|"
    r"née?(?: le)?|date de naissance|nacid[oa](?: el)?|nacimiento|fecha de nacimiento|nat[oa](?: il)?|data di nascita|"
    r"nascid[oa](?: em)?|nascimento|geboortedatum|urodzon[ya]|data urodzenia|ur\.|född|födelsedatum|født|fødselsdato|"
    r"syntynyt|syntymäaika",
    "生年月日|生于|出生|생년월일|родил\\w*|дата рождения|जन्म",
)


def find_passports(text: str) -> Iterator[Finding]:
    """Yield the numbers after a word for passport."""
    for match in _PASSPORT.finditer(text):
        if label(text, *match.span(), _PASSPORT_WORDS):
            yield Finding("passport", match.start(), match.end(), checked=False)


def find_dates_of_birth(text: str) -> Iterator[Finding]:
    """Yield the dates after a word for birth."""
    for match in _DATE.finditer(text):
        if label(text, *match.span(), _BIRTH_WORDS):
            yield Finding("date_of_birth", match.start(), match.end(), checked=False)
