"""Ratings that a writer gives with a text, at its beginning or end: "★☆☆☆☆", "4/5", "2 out of 10", "1 star"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.backends.types import SENTIMENTS

_STARS = r"stars?|sterne?n?|étoiles?|estrellas?|stell[ae]|estrelas?|sterren|つ星|颗星|顆星|星"
_OF = r"/|out of|von|sur|de|su|van|из"
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "zero": 0}
_FORM = (
    r"(?P<full>★+|⭐{2,}|🌟{2,})(?P<empty>☆*)|(?P<none>☆+)"
    rf"|(?:(?P<number>\d{{1,2}}(?:[.,]\d+)?)|(?P<word>{'|'.join(_WORDS)}))"
    rf"(?:\s*(?:{_OF})\s*(?P<scale>5|10|five|ten)(?:\s*(?:{_STARS}))?|[\s-]*(?:{_STARS}))"
)
_LABEL = r"(?:(?:rating|score|bewertung|note|puntuación|voto|nota)\s*:?\s*)?"
_FIRST = re.compile(rf"\s*{_LABEL}(?:{_FORM})(?![\w/])[\s.!:,;–—-]*", re.IGNORECASE)
_LAST = re.compile(rf"(?<![\w/.,]){_LABEL}(?:{_FORM})[\s.!]*\Z", re.IGNORECASE)
_DEFAULT_SCALE = 5
# the last rating that counts as negative, and the last that counts as neutral, as shares of the best: 2 and 3 of 5
_NEGATIVE, _NEUTRAL = 0.45, 0.65
# how sure a rating makes its label; the rest is the text's
WEIGHT = 0.9


@dataclass(frozen=True)
class StarRating:
    """The sentiment that a rating means, and the text without it."""

    label: str
    text: str

    def combine(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return the scores of the text with the rating, which weighs more."""
        return {label: (1 - WEIGHT) * scores[label] + WEIGHT * (label == self.label) for label in SENTIMENTS}


def find_rating(text: str) -> StarRating | None:
    """Return the rating at the beginning of a text, else at its end; None without one, or for one beyond its scale."""
    match = _FIRST.match(text) or _LAST.search(text)
    share = _share(match) if match else None
    if match is None or share is None or share > 1:
        return None
    label = "negative" if share <= _NEGATIVE else "neutral" if share <= _NEUTRAL else "positive"
    return StarRating(label, (text[: match.start()] + text[match.end() :]).strip())


def _share(match: re.Match[str]) -> float:
    """Return a rating as a share of the best one."""
    if match["none"]:
        return 0.0
    if match["full"]:
        stars = len(match["full"])
        return stars / max(stars + len(match["empty"]), _DEFAULT_SCALE)
    return _value(match["word"] or match["number"]) / _value(match["scale"] or str(_DEFAULT_SCALE))


def _value(number: str) -> float:
    word = _WORDS.get(number.lower())
    return float(number.replace(",", ".")) if word is None else word
