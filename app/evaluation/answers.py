"""Scores of free texts: answers, keywords, facts, translations."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

CHRF_ORDER = 6
CHRF_BETA = 2.0
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalized(text: str) -> str:
    """Return a text without case, punctuation, symbols, English articles and repeated spaces.

    Source: the evaluation script of SQuAD (P. Rajpurkar et al., EMNLP 2016), for the punctuation of all scripts and
    after Unicode's form NFKC.
    """
    letters = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(letter for letter in letters if unicodedata.category(letter)[0] not in "PS")
    return " ".join(_ARTICLES.sub(" ", plain).split())


def answer_f1(right: str | None, predicted: str | None) -> float:
    """Return the F1 of the words of both answers; None is the answer that the text has no answer (SQuAD 2.0)."""
    if right is None or predicted is None:
        return float(right is predicted)
    expected, found = Counter(normalized(right).split()), Counter(normalized(predicted).split())
    return f1_of_counts((expected & found).total(), found.total(), expected.total())


def f1_of_counts(hits: int, predicted: int, expected: int) -> float:
    """Return the F1 of two sets with `hits` common members; 1 if both are empty."""
    return 2 * hits / (predicted + expected) if predicted + expected else 1.0


def keyword_hits(right: Sequence[str], predicted: Sequence[str]) -> int:
    """Return how many keywords are in both lists, compared in normalized form."""
    return len({normalized(word) for word in right} & {normalized(word) for word in predicted})


def facts_found(facts: Sequence[str], text: str) -> int:
    """Return how many of the facts, which are words or phrases, a text contains as whole words."""
    words = f" {normalized(text)} "
    spaceless = normalized(text)
    return sum(
        f" {fact} " in words or (_is_spaceless(fact) and fact in spaceless) for fact in map(normalized, facts) if fact
    )


def _is_spaceless(text: str) -> bool:
    """Return whether a text is in a script that writes no spaces between words."""
    return any("\u0e00" <= char <= "\u0eff" or "\u3040" <= char <= "\u9fff" for char in text)


def chrf(right: str, predicted: str) -> float:
    """Return the character n-gram F-score of a translation, from 0 to 1.

    Source: M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015, with beta 2.
    """
    expected, found = ("".join(text.split()) for text in (right, predicted))
    precisions, recalls = [], []
    for order in range(1, CHRF_ORDER + 1):
        one, other = _ngrams(expected, order), _ngrams(found, order)
        if not one or not other:
            break
        hits = (one & other).total()
        precisions.append(hits / other.total())
        recalls.append(hits / one.total())
    if not precisions or not sum(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + CHRF_BETA**2) * precision * recall / (CHRF_BETA**2 * precision + recall)


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))
