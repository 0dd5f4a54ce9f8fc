"""Fits a calibration on scores with their right labels, and measures on held-out texts whether it helps."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.calibration import MIN_SCORE
from app.evaluation.classes import calibration_error, reliability
from app.evaluation.fitting import Fit, Rated, fit_biases, fit_temperature

FOLDS = 5
SEED = 20
# smaller gains of the log loss are noise
MIN_GAIN = 0.01


class CannotCalibrate(Exception):
    """A calibration cannot be fitted or does not help; the text says why."""


@dataclass(frozen=True)
class Quality:
    """Accuracy, expected calibration error and mean log loss of scores."""

    accuracy: float
    calibration_error: float
    log_loss: float

    def helps(self, before: "Quality") -> bool:
        """Return whether nothing is worse than before, and the log loss is less by MIN_GAIN."""
        return (
            self.log_loss < (1 - MIN_GAIN) * before.log_loss
            and self.accuracy >= before.accuracy
            and self.calibration_error <= before.calibration_error
        )


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
