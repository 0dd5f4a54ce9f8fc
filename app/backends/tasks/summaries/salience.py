"""Rates how much the sentences of a text say of it, and how close they are to a question, in any script.

All of it is linear in the length of the text. The weights were chosen on every other text of
tests/data/quality/summaries (22 of 44).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from math import log, sqrt

from app.backends.tasks.summaries.lengths import CHINESE, NO_LETTERS

# Chinese and Japanese write no spaces, so each pair of characters counts as a word
_WORD = re.compile(rf"(?=([{CHINESE}]{{2}}))|([{CHINESE}])|([^{CHINESE}{NO_LETTERS}]+)")
_QUESTION = re.compile(r"[?？؟]\W*\Z")
# how much a sentence has to share with a question, in standard deviations of the other ratings
FOCUS_WEIGHT = 3.0
CENTRALITY_WEIGHT = 0.5
# of words that are compared without their endings
_STEM_CHARS, _ENDING_CHARS = 4, 2


def words_of(sentence: str) -> set[str]:
    """Return the words of a sentence in lower case; of Chinese and Japanese, each pair of characters."""
    return {pair or single or word for pair, single, word in _WORD.findall(sentence.lower())}


def ratings(sentences: Sequence[str], focus: str = "", similarities: Sequence[float] = ()) -> list[float]:
    """Return a rating of each sentence.

    It is the sum of half the centrality, the logarithm of the length, and one for a number; a question gets one less.
    With a `focus`, closeness to it outweighs the others: `similarities` of the sentences to it, else shared words.
    """
    bags = [words_of(sentence) for sentence in sentences]
    weights = _idf(bags)
    central = _standardized(_central(bags, weights))
    lengths = _standardized([log(1 + len(sentence)) for sentence in sentences])
    rated = [CENTRALITY_WEIGHT * one + length for one, length in zip(central, lengths, strict=True)]
    for index, sentence in enumerate(sentences):
        rated[index] += any(map(str.isdecimal, sentence)) - (_QUESTION.search(sentence) is not None)
    if not focus:
        return rated
    close = similarities or _shared(words_of(focus), bags, weights)
    pairs = zip(_standardized(close), _standardized(rated), strict=True)
    return [FOCUS_WEIGHT * near + rating for near, rating in pairs]


def is_repetition(words: set[str], others: Sequence[set[str]]) -> bool:
    """Return whether more than half of the words of two sentences are the same."""
    return any(2 * len(words & other) > len(words | other) for other in others)


def _idf(bags: Sequence[set[str]]) -> dict[str, float]:
    frequency = Counter(chain.from_iterable(bags))
    return {word: log(len(bags) / count) for word, count in frequency.items()}


def _central(bags: Sequence[set[str]], weights: Mapping[str, float]) -> list[float]:
    """Return the summed cosine similarity of each sentence to all.

    This is LexRank's degree centrality (Erkan and Radev, 2004) without a threshold, which makes it linear.
    """
    norms = [sqrt(sum(weights[word] ** 2 for word in bag)) or 1.0 for bag in bags]
    centroid: Counter[str] = Counter()
    for bag, norm in zip(bags, norms, strict=True):
        for word in bag:
            centroid[word] += weights[word] / norm  # type: ignore[assignment]  # a Counter of fractions
    return [sum(weights[word] * centroid[word] for word in bag) / norm for bag, norm in zip(bags, norms, strict=True)]


def _shared(focus: set[str], bags: Sequence[set[str]], weights: Mapping[str, float]) -> list[float]:
    """Return how much of the question's words each sentence has; words that begin alike count half."""
    stems = {word[: max(_STEM_CHARS, len(word) - _ENDING_CHARS)] for word in focus if len(word) > _STEM_CHARS}
    lengths = sorted(set(map(len, stems)))
    similar = {word for word in weights if any(word[:length] in stems for length in lengths)} - focus
    return [
        sum(weights[word] for word in bag & focus) + sum(weights[word] for word in bag & similar) / 2 for bag in bags
    ]


def _standardized(values: Sequence[float]) -> list[float]:
    mean = sum(values) / max(1, len(values))
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values))) or 1.0
    return [(value - mean) / deviation for value in values]
