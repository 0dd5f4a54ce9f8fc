"""Questions: the kind of their answer, by their first words, and the part of a sentence that is of the kind.

The words are those of English, German, French, Spanish, Italian, Portuguese and Dutch.
"""

import re
from collections.abc import Iterable, Sequence

from app.texts.entities import Entity

_AMOUNTS = ("quantity", "percent", "number", "money", "date", "time")
# the first expression that a question has decides; None stands for any part of a sentence
_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"e-?mail|mailadresse|courriel|correo electr", ("email",)),
    (r"\b(?:address|adresse|dirección)\b", ("email", "url", "place")),
    (r"phone|telefon|téléphone|teléfono|number (?:does|can|should) .*(?:call|support|have)", ("phone",)),
    (r"website|web ?site|homepage|url\b|webseite", ("url",)),
    (r"\bwhat time\b|wie viel uhr|à quelle heure|a qué hora", ("time",)),
    (r"\b(?:what|which) (?:year|month|day|date|century)\b|welche[mns]? (?:jahr|tag|datum|monat)\b", ("date",)),
    (
        r"\b(?:cost|price|worth|pay|fee|kostet|kosten|preis|coûte|prix|cuesta|precio|costa|prezzo)\b",
        ("money", "number"),
    ),
    (r"\bhow (?:many|much)\b|wie ?viele?n?\b|combien|cu[áa]nt[oa]s?|\bquant[oiae]s?\b|hoeveel", _AMOUNTS),
    (
        r"\bhow (?:long|old|soon|often)\b|wie (?:lange?|alt|oft)\b|hoe (?:lang|oud)",
        ("time", "date", "quantity", "number"),
    ),
    (r"\bhow (?:high|tall|heavy|far|fast|hot|cold|big|large|deep|wide|expensive)\b", _AMOUNTS),
    (r"\bwie (?:hoch|groß|schwer|weit|schnell|warm|tief|breit|teuer)\b|hoe (?:hoog|groot|zwaar|ver|snel)", _AMOUNTS),
    (r"\b(?:what|which) (?:percentage|amount|weight|height|length|distance|speed|age)", _AMOUNTS),
    (r"\b(?:when|wann|quand|cuándo|cuando|quando|wanneer)\b", ("date", "time")),
    (r"\b(?:where|wo|woher|wohin|où|dónde|donde|dove|onde|waar)\b|welche[rsmn]? (?:stadt|land|ort)", ("place",)),
    (r"\b(?:what|which) (?:city|country|town|place|state|village)", ("place",)),
    (r"\b(?:who|whom|whose|wer|wen|wem|wessen|qui|quién|quien|quiénes|chi|quem)\b", ("person", "organization")),
    (
        r"\b(?:what|which) (?:company|organi[sz]ation|bank|firm|team)|welche[s]? (?:firma|unternehmen)",
        ("organization",),
    ),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), kinds) for pattern, kinds in _KINDS)
_WHY = re.compile(r"\b(?:why|warum|weshalb|wieso|pourquoi|por qu[eé]|perché|waarom)\b", re.IGNORECASE)
# words that give a reason, and words that may
_REASONS = tuple(
    re.compile(rf"\b(?:{words})\s*", re.IGNORECASE)
    for words in (
        "because of|because|due to|owing to|weil|wegen|aufgrund|parce qu[e']|à cause de|porque|debido a|perché|omdat"
        "|wegens",
        "since|after|da|car|thanks to|dank",
    )
)
# small numbers are written as words
_NUMBER = re.compile(
    r"(?<![\w.,])\d[\d.,]*(?<![.,])|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|zwei|drei|vier|fünf|sechs|deux|trois|quatre|cinq|dos|tres|cuatro|cinco)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"1\d{3}|20\d{2}")
_JOINED = re.compile(r",? ?(?:at|um|à|a las|,|from)? ?")
WORD = re.compile(r"\w+")


def kinds_of_answer(question: str) -> Sequence[str]:
    """Return the types of entities that may answer a question; none if any part of a text may."""
    return next((kinds for pattern, kinds in _PATTERNS if pattern.search(question)), ())


def is_about_reason(question: str) -> bool:
    """Return whether a question asks why."""
    return _WHY.search(question) is not None


def numbers(text: str) -> list[Entity]:
    """Return the numbers of a text, in digits or as words; those that may be years are dates."""
    return [
        Entity("date" if _YEAR.fullmatch(match[0]) else "number", *match.span()) for match in _NUMBER.finditer(text)
    ]


def reason(sentence: str) -> tuple[int, int] | None:
    """Return the clause that gives a reason in a sentence; None without one."""
    match = next((found for pattern in _REASONS if (found := pattern.search(sentence))), None)
    end = len(sentence.rstrip(" .!?;"))
    return (match.end(), end) if match and match.end() < end else None


def answering(question: str, sentence: str, entities: Iterable[Entity]) -> tuple[int, int] | None:
    """Return the part of a sentence that is of the kind of the answer, and that the question does not have itself."""
    kinds = kinds_of_answer(question)
    words = {word.lower() for word in WORD.findall(question)}
    fitting = [
        entity
        for entity in entities
        if entity.type in kinds
        and not {word.lower() for word in WORD.findall(sentence[entity.start : entity.end])} <= words
        and (kinds != _AMOUNTS or _NUMBER.search(sentence[entity.start : entity.end]))
    ]
    if not fitting:
        return None
    best = min(fitting, key=lambda entity: kinds.index(entity.type))
    return _extended(sentence, best, [entity for entity in fitting if entity.type in ("date", "time")])


def _extended(sentence: str, best: Entity, fitting: Sequence[Entity]) -> tuple[int, int]:
    """Return a date or time with those that go on right after it, such as a time after a date."""
    start, end = best.start, best.end
    if best.type not in ("date", "time"):
        return start, end
    for other in fitting:
        if other.start > end and _JOINED.fullmatch(sentence[end : other.start]):
            end = other.end
    return start, end
