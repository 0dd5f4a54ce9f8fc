"""Fits the temperature and the biases of a calibration to scores with their right labels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul

from app.calibration import MIN_SCORE, Calibration

MAX_HALVINGS = 10
MIN_SCALE, MAX_SCALE = 0.05, 20.0
TOLERANCE = 1e-7
# the weight of the penalty that keeps a fit on few texts near the scores as they are
PENALTY = 1e-3

# scores of a text and its right label
Rated = tuple[Mapping[str, float], str]
Matrix = list[list[float]]


@dataclass(frozen=True)
class Fit:
    """The temperature and the bias of each label; without biases each is 0."""

    temperature: float
    bias: Mapping[str, float]

    def apply(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return calibrated scores."""
        return Calibration("", "", self.temperature, self.bias).apply(scores)


def fit_temperature(rated: Sequence[Rated]) -> Fit:
    """Fit the temperature alone, as in C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017."""
    return _Fitting(rated).run(biased=False)


def fit_biases(rated: Sequence[Rated]) -> Fit:
    """Fit the temperature and a bias for each label."""
    return _Fitting(rated).run(biased=True)


class _Fitting:
    """Minimizes the mean log loss, which is convex, by Newton's method. A point is the scale, then the biases."""

    def __init__(self, rated: Sequence[Rated]) -> None:
        self._labels = sorted(rated[0][0])
        self._texts = [
            ([math.log(max(scores[label], MIN_SCORE)) for label in self._labels], self._labels.index(right))
            for scores, right in rated
        ]

    def run(self, *, biased: bool) -> Fit:
        """Return the fit at the minimum."""
        point = [1.0] + [0.0] * len(self._labels)
        size = len(point) if biased else 1
        loss = self._loss(point)
        moved, less = self._step(point, loss, size)
        while loss - less > TOLERANCE:
            point, loss = moved, less
            moved, less = self._step(point, loss, size)
        return Fit(1 / point[0], dict(zip(self._labels, point[1:], strict=True)))

    def _step(self, point: list[float], loss: float, size: int) -> tuple[list[float], float]:
        """Return the point after a step in the first `size` directions, and its loss; `point` if none is better."""
        change = solve(*self._derivatives(point, size)) + [0.0] * (len(point) - size)
        for halvings in range(MAX_HALVINGS):
            scale, *bias = (old - new / 2**halvings for old, new in zip(point, change, strict=True))
            moved = [min(max(scale, MIN_SCALE), MAX_SCALE), *bias]
            less = self._loss(moved)
            if less < loss:
                return moved, less
        return point, loss

    def _loss(self, point: list[float]) -> float:
        total = sum(-math.log(max(_chances(point, logits)[right], 1e-300)) for logits, right in self._texts)
        return total / len(self._texts) + PENALTY / 2 * ((point[0] - 1) ** 2 + sum(bias * bias for bias in point[1:]))

    def _derivatives(self, point: list[float], size: int) -> tuple[Matrix, list[float]]:
        """Return the second and the first derivatives of the loss in the first `size` directions."""
        slopes = [PENALTY * (value - (index == 0)) for index, value in enumerate(point[:size])]
        curves = [[PENALTY * (row == column) for column in range(size)] for row in range(size)]
        weight = 1 / len(self._texts)
        for logits, right in self._texts:
            chances = _chances(point, logits)
            mean = sum(map(mul, chances, logits))
            slopes[0] += weight * (mean - logits[right])
            curves[0][0] += weight * sum(
                chance * (logit - mean) ** 2 for chance, logit in zip(chances, logits, strict=True)
            )
            for row in range(1, size):
                chance = chances[row - 1]
                slopes[row] += weight * (chance - (row - 1 == right))
                curves[row][row] += weight * chance
                mixed = weight * chance * (logits[row - 1] - mean)
                curves[0][row] += mixed
                curves[row][0] += mixed
                for column in range(1, size):
                    curves[row][column] -= weight * chance * chances[column - 1]
        return curves, slopes


def _chances(point: list[float], logits: list[float]) -> list[float]:
    """Return the probability of each label."""
    moved = [point[0] * logit + bias for logit, bias in zip(logits, point[1:], strict=True)]
    highest = max(moved)
    weights = [math.exp(logit - highest) for logit in moved]
    total = sum(weights)
    return [weight / total for weight in weights]


def solve(matrix: Matrix, right: list[float]) -> list[float]:
    """Return x for matrix x = right, by elimination. The matrix must be positive definite, so no pivot is 0."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for pivot, row in enumerate(rows):
        row[:] = [value / row[pivot] for value in row]
        for other in rows[:pivot] + rows[pivot + 1 :]:
            factor = other[pivot]
            other[:] = [value - factor * known for value, known in zip(other, row, strict=True)]
    return [row[-1] for row in rows]
