"""The sentiment of Hindi by its words: the multilingual encoder has pieces of few Hindi words."""

import json
import re
import unicodedata
from pathlib import Path

_WORDS = json.loads(Path(__file__).with_name("hindi_words.json").read_bytes())
# beginnings of words, in any form
_POSITIVE, _NEGATIVE = (tuple(_WORDS[name].split()) for name in ("positive", "negative"))
_NEGATIONS = frozenset(_WORDS["negations"].split())
_WORD = re.compile(r"[\u0900-\u097f]+")
# the dot below a letter, which writers leave out
_NUKTA = "\u093c"
# a negation belongs to a word at most so far before it, or directly behind it
_REACH = 2
# the probability of neutral without and with words of opinion
_NEUTRAL_WITHOUT, _NEUTRAL_WITH = 0.8, 0.1


def rate_hindi(text: str) -> dict[str, float]:
    """Return the probability of negative, neutral and positive."""
    words = _WORD.findall(unicodedata.normalize("NFD", text).replace(_NUKTA, ""))
    polarities = [_polarity(words, place) for place in range(len(words))]
    positive, negative = (sum(polarity == sign for polarity in polarities) for sign in (1, -1))
    neutral = _NEUTRAL_WITH if positive or negative else _NEUTRAL_WITHOUT
    share = (positive + 0.25) / (positive + negative + 0.5)
    return {"negative": (1 - neutral) * (1 - share), "neutral": neutral, "positive": (1 - neutral) * share}


def _polarity(words: list[str], place: int) -> int:
    """Return 1 for praise, -1 for blame, 0 for neither; a negation turns it round."""
    polarity = words[place].startswith(_POSITIVE) - words[place].startswith(_NEGATIVE)
    around = {*words[place + 1 : place + 1 + _REACH], *words[max(0, place - 1) : place]}
    return -polarity if around & _NEGATIONS else polarity
