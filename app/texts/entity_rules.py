"""Entities with a fixed form, found by rules: addresses, amounts of money, percentages, dates, times, quantities.

Months, units and words for days are those of English, German, French, Spanish, Italian, Portuguese and Dutch.
"""

import re
from collections.abc import Iterator

from app.texts.entities import Entity

_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
    "|januar|jänner|februar|märz|mai|juni|juli|oktober|dezember"
    "|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    "|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre"
    "|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro"
    "|januari|februari|maart|mei|augustus"
)
# words for months that are other words as well in lower case
_MONTH = rf"(?!(?-i:may|mar|march)\b)(?:{_MONTHS})\b"
_DAYS = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    "|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag"
    "|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    "|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
    "|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica"
)
_RELATIVE = (
    "yesterday|today|tomorrow|gestern|heute|übermorgen|vorgestern|hier|aujourd'hui|demain|ayer|hoy|ieri|oggi|domani"
    "|(?:last|next|this) (?:week|month|year|quarter|spring|summer|autumn|winter|weekend)"
    "|(?:letzte|nächste|diese)[rns]? (?:woche|monat|jahr)|(?:la semaine|le mois) (?:dernière?|prochaine?)"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|er|º)?"
_YEAR = r"(?:1[0-9]|20|21)\d\d"
_NUMBER = r"\d{1,3}(?:[.,'’   ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?"
_SCALE = (
    r"(?:\s?(?:million|billion|trillion|thousand|millionen|milliarden|millions|milliards|millones"
    r"|m|bn|k)\b|\s?(?:mio|mrd)\b\.?)?"
)
_CURRENCY = (
    r"euros?|eur|dollars?|usd|pounds?|gbp|francs?|franken|chf|yen|jpy|yuan|rupees?|pesos?|reais|złoty|zł"
    r"|kronor|kroner|sek|nok"
)
_SIGN = r"(?:US\$|A\$|C\$|R\$|CHF|EUR|USD|GBP|[$€£¥₹₩₽])"
_UNIT = (
    r"kg|g|mg|tons?|tonnes?|kilos?|kilograms?|grams?|lbs?|oz|km/h|mph|km|cm|mm|m²|m|met(?:re|er)s?|kilomet(?:re|er)s?"
    r"|miles?|feet|foot|inch(?:es)?|litres?|liters?|liter|ml|l|gb|mb|tb|kb|°[cf]|degrees?|watts?|kwh?|hectares?|acres?"
)
_PREFIX = r"\+\d{1,3}[\s./-]?(?:\(\d{1,4}\)[\s./-]?)?\d{1,4}"
_COUNT = (
    rf"(?:{_NUMBER})|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|zwei|drei|vier|fünf|sechs|zehn"
    r"|deux|trois|quatre|cinq|dix|dos|tres|cuatro|cinco|diez"
)
_HOURS = r"seconds?|minutes?|hours?|sekunden?|minuten?|stunden?|secondes?|heures?|segundos?|minutos?|horas?"
_LONGER = (
    r"days?|weeks?|months?|years?|decades?|tagen?|wochen?|monaten?|jahren?|jours?|semaines?|mois|ans|années"
    r"|días?|semanas?|mes(?:es)?|años?"
)
# names of months that are no other word
_NAMED_MONTHS = "|".join(name for name in _MONTHS.split("|") if len(name) > 3 and name not in ("march", "mars", "sept"))

# in `re` each alternative of a look behind has one length
_BEFORE_YEAR = "|".join(rf"(?<=\b{word} )" for word in ("in", "im", "since", "by", "seit", "depuis", "en", "em", "nel"))

_CAPITAL = r"(?-i:[A-ZÀ-ÖØ-Þ])"
_LEGAL_FORM = (
    r"(?-i:GmbH(?: & Co\. KG)?|AG|SE|KG|e\.V\.|S\.A\.|S\.p\.A\.|S\.L\.|S\.A\.S\.|SARL|B\.V\.|Oy"
    r"|Ltd|Inc|Corp|LLC|PLC|plc)"
)
_NO_ARTICLE = r"(?!(?-i:The|Die|Der|Das|La|Le|Les|El) )"
_NAME = rf"{_CAPITAL}[\w'’.-]{{0,30}}"
_INSTITUTION = r"(?-i:Universit(?:y|ät|é|à|eit)|Universidade?|Hochschule|Ministry|Ministerium|Ministère|Ministerio)"

# in this order: a rule takes no characters that one before it has taken
_RULES: tuple[tuple[str, str], ...] = (
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}\b"),
    ("url", r"\b(?:https?://|www\.)[^\s<>\"']{2,2000}(?<![.,;:!?)\]»”])"),
    ("organization", rf"(?<![\w.]){_NO_ARTICLE}{_NAME}(?: (?:{_NAME}|&)){{0,4}} {_LEGAL_FORM}(?!\w)"),
    ("organization", rf"\b{_INSTITUTION} (?:of |de |für |d[eiu] |van )?{_CAPITAL}[\w-]{{1,30}}"),
    ("date", rf"\b{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\b"),
    ("date", rf"\b(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|[12]\d|3[01])[./](?:{_YEAR}|\d\d)\b"),
    ("date", rf"\b{_DAY}\.?(?: de| of)? {_MONTH}(?:\.?,?(?: de| del)? {_YEAR}\b)?"),
    ("date", rf"\b{_MONTH}\.? {_DAY}\b(?!:)(?:,? {_YEAR}\b)?"),
    ("date", rf"\b{_MONTH}\.?(?: de| del)? {_YEAR}\b"),
    ("date", rf"\b(?:{_DAYS})s?\b"),
    ("date", rf"\b(?:{_RELATIVE})\b"),
    ("date", r"\d{4}年(?:\d{1,2}月(?:\d{1,2}日)?)?|\d{1,2}月\d{1,2}日"),
    ("percent", rf"(?<![\w.,])(?:{_NUMBER})\s?(?:%|percent\b|per cent\b|prozent\b|pour cent\b|por ciento\b)"),
    ("money", rf"{_SIGN}\s?(?:{_NUMBER}){_SCALE}"),
    ("money", rf"(?<![\w.,])(?:{_NUMBER}){_SCALE}\s?(?:[€£¥₹]|(?:{_CURRENCY})\b)"),
    ("money", r"(?<![\d,.])\d[\d,.]{0,20}(?:万|億|亿)?(?:円|元)"),
    ("time", r"\b(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:\s?(?:[ap]m\b|[ap]\.m\.)|\s?uhr\b)?"),
    ("time", r"\b(?:1[0-2]|0?[1-9])\s?(?:[ap]m\b|[ap]\.m\.)|\b(?:[01]?\d|2[0-3])\s?(?:uhr\b|h(?:[0-5]\d)?\b)"),
    ("phone", rf"(?<![\w.])(?:{_PREFIX}|\(?0\d{{1,4}}\)?)(?:[\s./-]?\d{{2,4}}){{2,4}}(?!\w)"),
    ("quantity", rf"(?<![\w.,])(?:{_NUMBER}){_SCALE}\s?(?:{_UNIT})(?: per (?:hour|second|day))?(?![\w²])"),
    ("time", rf"\b(?:{_COUNT})[ -](?:{_HOURS})\b|\b(?:noon|midnight)\b"),
    ("date", rf"\b(?:{_COUNT})[ -](?:{_LONGER})\b"),
    ("date", rf"\b(?:{_NAMED_MONTHS})\b"),
    ("date", rf"(?:{_BEFORE_YEAR}){_YEAR}\b"),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _RULES)


def by_rules(text: str) -> Iterator[Entity]:
    """Return what the rules find, rule by rule; findings of a later rule may overlap with those before it."""
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield Entity(kind, match.start(), match.end())
