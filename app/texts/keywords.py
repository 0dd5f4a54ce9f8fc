"""Keywords of a text by statistics: words and phrases between stop words, by frequency, length, place and spelling.

The stop words are those of the library stopwordsiso, for 58 languages. Japanese keywords are runs of kanji or katakana.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import log

from stopwordsiso import has_lang, stopwords

MAX_WORDS = 3
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
# these write the article and the noun as one word: l'état
_ELIDING = ("fr", "it", "ca")
_PART = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")
_JAPANESE = re.compile(r"[\u4e00-\u9fff]{2,8}|[\u30a0-\u30ff]{2,20}")
# function words that Chinese writes within runs, beside the stop words of two characters and more
_CHINESE_PARTICLES = "的了在是和与及或也都就把被让使更最很不正仍从向而且但因所这那其之"
_MAX_CHINESE = 6
# in these languages all nouns have a capital letter
_CAPITAL_NOUNS = ("de", "lb")
_SENTENCE_END = '.!?…:\n"„“»«'


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word or phrase at its first place in a text, in code points, with a score from 0 to 1."""

    start: int
    end: int
    score: float


def keywords(text: str, language: str | None, limit: int) -> list[Keyword]:
    """Return up to `limit` keywords, the best first."""
    if language in ("zh", "ja"):
        return ranked(text, list(_runs(text, language)), limit)
    return ranked(text, list(_phrases(text, language or "en")), limit)


def ranked(text: str, spans: Sequence[tuple[int, int]], limit: int) -> list[Keyword]:
    """Return up to `limit` of the phrases, the best first: frequent ones, early ones, long ones, names."""
    counts = Counter(text[start:end].lower() for start, end in spans)
    scores: dict[str, tuple[float, int, int]] = {}
    for start, end in spans:
        phrase = text[start:end]
        is_name = phrase[0].isupper() and text[max(0, start - 2) : start].rstrip(" ")[-1:] not in ("", *_SENTENCE_END)
        score = counts[phrase.lower()] + log(end - start) / 3 + 0.5 * (1 - start / len(text)) + 0.5 * is_name
        if phrase.lower() not in scores:
            scores[phrase.lower()] = score, start, end
    best = sorted(scores.values(), key=lambda one: (-one[0], one[1]))[:limit]
    return [Keyword(start, end, score / best[0][0]) for score, start, end in best]


@cache
def _stop_words(language: str) -> frozenset[str]:
    return frozenset(stopwords(language)) if has_lang(language) else frozenset()


def _phrases(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Yield the phrases between stop words, numbers and marks; of a long run, its last words and its first word."""
    for run in _runs_of_words(text, language):
        if language in _CAPITAL_NOUNS:
            yield from (span for span in run if text[span[0]].isupper())
        elif len(run) <= MAX_WORDS:
            yield run[0][0], run[-1][1]
        else:
            yield from run[:1]
            yield run[-2][0], run[-1][1]


def _runs_of_words(text: str, language: str) -> Iterator[list[tuple[int, int]]]:
    stops, run, last = _stop_words(language), list[tuple[int, int]](), 0
    for match in (_PART if language in _ELIDING else _WORD).finditer(text):
        gap = text[last : match.start()]
        last = match.end()
        is_stop = match[0].lower() in stops or match[0].isdigit() or len(match[0]) < 2
        if run and (is_stop or gap.strip(" ") or not gap):
            yield run
            run = []
        if not is_stop:
            run.append(match.span())
    if run:
        yield run


def _runs(text: str, language: str) -> Iterable[tuple[int, int]]:
    """Yield the runs of characters that are likely words, in languages without spaces."""
    if language == "ja":
        yield from (match.span() for match in _JAPANESE.finditer(text))
        return
    stops = sorted((word for word in _stop_words("zh") if len(word) > 1), key=len, reverse=True)
    splitter = re.compile("|".join([*map(re.escape, stops), f"[{_CHINESE_PARTICLES}]"]))
    for match in _CHINESE.finditer(text):
        start = match.start()
        for stop in [*splitter.finditer(match[0]), None]:
            end = match.start() + stop.start() if stop else match.end()
            if 2 <= end - start <= _MAX_CHINESE:
                yield start, end
            start = match.start() + stop.end() if stop else end
