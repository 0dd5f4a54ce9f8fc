"""Fits a calibration on scores with their right labels, and measures on held-out texts whether it helps."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import mul

from app.calibration import MIN_SCORE, Calibration
from app.evaluation.classes import calibration_error, reliability

FOLDS = 5
SEED = 20
MAX_SWEEPS = 100
# the weight of the penalty that keeps a fit on few texts near the scores as they are
PENALTY = 1e-3
TOLERANCE = 1e-5
MAX_MOVE = 1.0
MIN_SCALE, MAX_SCALE = 0.05, 20.0

# scores of a text and its right label
Rated = tuple[Mapping[str, float], str]


class CannotCalibrate(Exception):
    """A calibration cannot be fitted or does not help; the text says why."""


@dataclass(frozen=True)
class Quality:
    """Accuracy, expected calibration error and mean log loss of scores."""

    accuracy: float
    calibration_error: float
    log_loss: float

    def helps(self, before: "Quality") -> bool:
        """Return whether nothing is worse than before, and the log loss is less."""
        return (
            self.log_loss < before.log_loss
            and self.accuracy >= before.accuracy
            and self.calibration_error <= before.calibration_error
        )


@dataclass(frozen=True)
class Fit:
    """The temperature and the bias of each label; without biases each is 0."""

    temperature: float
    bias: Mapping[str, float]

    def apply(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return calibrated scores."""
        return Calibration("", "", self.temperature, self.bias).apply(scores)


@dataclass(frozen=True)
class Calibrated:
    """A calibration that helps, with the quality of held-out scores before and after."""

    fit: Fit
    before: Quality
    after: Quality
    texts: int


def quality(rated: Sequence[Rated]) -> Quality:
    """Return how good scores are."""
    pairs = [(max(scores, key=scores.__getitem__), scores, right) for scores, right in rated]
    bins = reliability((scores[label], label == right) for label, scores, right in pairs)
    losses = [-math.log(max(scores[right], MIN_SCORE)) for scores, right in rated]
    accuracy = sum(label == right for label, _, right in pairs) / len(pairs)
    return Quality(accuracy, calibration_error(bins), sum(losses) / len(losses))


def calibrated(rated: Sequence[Rated]) -> Calibrated:
    """Fit a calibration on all texts; raise CannotCalibrate unless it helps on held-out folds.

    Biases are used if they help more than the temperature alone, which never changes the most likely label.
    """
    _check(rated)
    before = quality(rated)
    tried = [(quality(held_out(rated, fit)), fit) for fit in (fit_temperature, fit_biases)]
    helpful = [(after, fit) for after, fit in tried if after.helps(before)]
    if not helpful:
        best = min((after for after, _ in tried), key=lambda after: after.log_loss)
        raise CannotCalibrate(
            f"a calibration does not help on held-out texts: calibration error {before.calibration_error:.4f} before "
            f"and {best.calibration_error:.4f} after, accuracy {before.accuracy:.4f} and {best.accuracy:.4f}"
        )
    after, fit = min(helpful, key=lambda one: one[0].log_loss)
    return Calibrated(fit(rated), before, after, len(rated))


def _check(rated: Sequence[Rated]) -> None:
    """Raise CannotCalibrate if the labels of the scores differ or have too few texts."""
    sets = {frozenset(scores) for scores, _ in rated}
    if len(sets) != 1:
        raise CannotCalibrate("all results need scores of the same labels")
    [labels] = sets
    support = {label: sum(right == label for _, right in rated) for label in labels}
    if others := sorted({right for _, right in rated} - labels):
        raise CannotCalibrate(f"the results have no score of {', '.join(others)}")
    if rare := sorted(label for label, count in support.items() if count < FOLDS):
        raise CannotCalibrate(f"{FOLDS} texts of each label are needed, and the file has fewer of {', '.join(rare)}")


def held_out(rated: Sequence[Rated], fit: Callable[[Sequence[Rated]], Fit]) -> list[Rated]:
    """Return each text's scores as calibrated by a fit on the folds without it; folds have equal shares of labels."""
    shuffled = list(rated)
    random.Random(SEED).shuffle(shuffled)
    ordered = sorted(shuffled, key=lambda one: one[1])
    folds = [ordered[start::FOLDS] for start in range(FOLDS)]
    found: list[Rated] = []
    for fold in folds:
        fitted = fit([one for other in folds if other is not fold for one in other])
        found += [(fitted.apply(scores), right) for scores, right in fold]
    return found


def fit_temperature(rated: Sequence[Rated]) -> Fit:
    """Fit the temperature alone, as in C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017."""
    return _Fitting(rated).run(biased=False)


def fit_biases(rated: Sequence[Rated]) -> Fit:
    """Fit the temperature and a bias for each label."""
    return _Fitting(rated).run(biased=True)


class _Fitting:
    """Minimizes the mean log loss, which is convex, by Newton's method for the scale or one bias at a time."""

    def __init__(self, rated: Sequence[Rated]) -> None:
        self._labels = sorted(rated[0][0])
        self._logits = [[math.log(max(scores[label], MIN_SCORE)) for label in self._labels] for scores, _ in rated]
        self._right = [self._labels.index(right) for _, right in rated]
        self._scale = 1.0
        self._bias = [0.0] * len(self._labels)

    def run(self, *, biased: bool) -> Fit:
        """Return the fit at the minimum, or after MAX_SWEEPS."""
        for _ in range(MAX_SWEEPS):
            change = self._move_scale()
            if biased:
                change = max(change, *map(self._move_bias, range(len(self._bias))))
            if change < TOLERANCE:
                break
        return Fit(1 / self._scale, dict(zip(self._labels, self._bias, strict=True)))

    def _move_scale(self) -> float:
        slope, curve = PENALTY * (self._scale - 1), PENALTY
        for logits, right, chances in zip(self._logits, self._right, self._chances(), strict=True):
            mean = sum(map(mul, chances, logits))
            slope += (mean - logits[right]) / len(self._right)
            curve += (sum(map(mul, chances, map(mul, logits, logits))) - mean**2) / len(self._right)
        scale = min(max(self._scale - slope / curve, MIN_SCALE), MAX_SCALE)
        change = abs(scale - self._scale)
        self._scale = scale
        return change

    def _move_bias(self, label: int) -> float:
        slope, curve = PENALTY * self._bias[label], PENALTY
        for right, chances in zip(self._right, self._chances(), strict=True):
            slope += (chances[label] - (right == label)) / len(self._right)
            curve += chances[label] * (1 - chances[label]) / len(self._right)
        change = min(max(slope / curve, -MAX_MOVE), MAX_MOVE)
        self._bias[label] -= change
        return abs(change)

    def _chances(self) -> Iterator[list[float]]:
        """Yield the probability of each label for each text."""
        for logits in self._logits:
            moved = [self._scale * logit + bias for logit, bias in zip(logits, self._bias, strict=True)]
            highest = max(moved)
            weights = [math.exp(logit - highest) for logit in moved]
            total = sum(weights)
            yield [weight / total for weight in weights]
