"""The words of opinion about aspects: words that alone have the sentiment of the part that they stand in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from app.backends.plan import Plan
from app.backends.tasks.clauses import Span
from app.backends.tasks.sentiment_parts import Rate, Scores
from app.backends.types import RatedAspect, Sentiment, Usage, likeliest

MIN_SCORE = 0.6
_WORD = re.compile(r"[^\W\d_]{3,}")


def add_opinions(rate: Rate, text: str, result: Sentiment) -> Plan[Sentiment]:
    """Return the sentiment of a text with the words of opinion about its aspects, by one more call of `rate`."""
    words = {aspect.aspect: list(_words(text, aspect)) for aspect in result.aspects}
    distinct = sorted({_spelling(text, word) for found in words.values() for word in found})
    if not distinct:
        return result
    ratings = yield from rate(distinct)
    rated = dict(zip(distinct, ratings.scores, strict=True))
    aspects = [_with_opinions(text, aspect, words[aspect.aspect], rated) for aspect in result.aspects]
    usage = Usage(result.usage.prompt_tokens + ratings.usage.prompt_tokens, 0)
    return replace(result, aspects=aspects, usage=usage)


def _words(text: str, aspect: RatedAspect) -> Iterator[Span]:
    """Yield the words of the parts about an aspect, without those of its name."""
    name = aspect.aspect.casefold()
    for start, end in aspect.mentions:
        for match in _WORD.finditer(text, start, end):
            word = match[0].casefold()
            if word not in name and name not in word:
                yield match.span()


def _with_opinions(text: str, aspect: RatedAspect, words: Sequence[Span], rated: Mapping[str, Scores]) -> RatedAspect:
    if aspect.scores is None:
        return aspect
    label = likeliest(aspect.scores)
    found = [word for word in words if rated[_spelling(text, word)][label] >= MIN_SCORE]
    return replace(aspect, opinions=[] if label == "neutral" else found)


def _spelling(text: str, word: Span) -> str:
    return text[slice(*word)].casefold()
