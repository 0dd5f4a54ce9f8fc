"""Calibrated scores in the results of operations: see app/calibration.py."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from app.backends.text_types import LabelScores
from app.backends.types import Sentiment
from app.calibration import Calibration, calibrate

R = TypeVar("R", Sentiment, LabelScores)


def calibrated(calibrations: Iterable[Calibration], operation: str, result: R) -> tuple[R, dict[str, Any]]:
    """Return the result with calibrated scores, and the fields of the response that say so; else the result itself."""
    scores = calibrate(calibrations, operation, result.model, result.scores)
    if scores is None:
        return result, {}
    return replace(result, scores=scores), {"calibrated": True}
