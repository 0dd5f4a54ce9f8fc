"""Scores of single labels: accuracy, F1 of each class, confusion matrix, calibration error."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of one class from 0 to 1, and its number of texts or spans in the file."""

    name: str
    precision: float
    recall: float
    support: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def class_scores(name: str, hits: int, predicted: int, support: int) -> ClassScores:
    """Return the scores of a class from its counts. A quotient without a denominator is 0."""
    return ClassScores(name, hits / predicted if predicted else 0.0, hits / support if support else 0.0, support)


@dataclass(frozen=True)
class Confusion:
    """`counts[i][j]` texts of the class `names[i]` were rated as `names[j]`."""

    names: Sequence[str]
    counts: Sequence[Sequence[int]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Confusion":
        """Count pairs of the right class and the predicted one."""
        counted = Counter(pairs)
        names = sorted({name for pair in counted for name in pair})
        return cls(names, [[counted[right, predicted] for predicted in names] for right in names])

    @property
    def total(self) -> int:
        """The number of texts."""
        return sum(map(sum, self.counts))

    @property
    def accuracy(self) -> float:
        """The share of texts that were rated right; 0 without texts."""
        return sum(row[i] for i, row in enumerate(self.counts)) / self.total if self.total else 0.0

    @property
    def classes(self) -> list[ClassScores]:
        """The scores of each class; one that is predicted only has the support 0."""
        columns = [sum(column) for column in zip(*self.counts, strict=True)]
        return [
            class_scores(name, row[i], columns[i], sum(row))
            for i, (name, row) in enumerate(zip(self.names, self.counts, strict=True))
        ]

    @property
    def majority(self) -> "Confusion":
        """The matrix of the trivial rating: the most frequent class for each text."""
        support = {name: sum(row) for name, row in zip(self.names, self.counts, strict=True)}
        most = max(support, key=support.__getitem__)
        return Confusion.of((name, most) for name, count in support.items() for _ in range(count))


def macro_f1(classes: Sequence[ClassScores]) -> float:
    """Return the mean F1 of the classes of the file; those that are predicted only are left out. 0 without any."""
    f1 = [one.f1 for one in classes if one.support]
    return sum(f1) / len(f1) if f1 else 0.0


@dataclass(frozen=True)
class Bin:
    """The texts with a score above `low` and up to `high`: their number, mean score, and share of right ratings."""

    low: float
    high: float
    count: int
    score: float
    accuracy: float


def reliability(rated: Iterable[tuple[float, bool]]) -> list[Bin]:
    """Group scores, each with whether the rating was right, in BINS bins of equal width; empty bins are left out."""
    grouped: dict[int, list[tuple[float, bool]]] = {}
    for score, right in rated:
        # ceil: the bin m holds the scores in ((m - 1) / BINS, m / BINS], as in the source of calibration_error
        index = max(0, -int(-score * BINS // 1) - 1)
        grouped.setdefault(min(index, BINS - 1), []).append((score, right))
    return [
        Bin(
            index / BINS,
            (index + 1) / BINS,
            len(members),
            sum(score for score, _ in members) / len(members),
            sum(right for _, right in members) / len(members),
        )
        for index, members in sorted(grouped.items())
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean distance of score and accuracy, weighted by texts.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.accuracy - one.score) for one in bins) / total if total else 0.0
