"""Writes the file that the service loads by CALIBRATION_FILE."""

import json
from pathlib import Path
from typing import Any

from app.calibration import VERSION, read_calibrations, read_entries
from app.evaluation.calibrate import Calibrated, CannotCalibrate, calibrated
from app.evaluation.fitting import Rated
from app.evaluation.session import Outcome

MIXED = "mixed"


def write_calibration(path: Path, outcome: Outcome) -> Calibrated:
    """Fit a calibration and write it; a file of other operations, models or labels keeps their entries.

    Raises CannotCalibrate if there is nothing that helps; then the file stays as it is.
    """
    others = _entries(path)
    model, scores = _rated(outcome)
    found = calibrated(scores)
    entry = {
        "operation": outcome.request.operation,
        "model": model,
        "temperature": found.fit.temperature,
        "bias": dict(found.fit.bias),
        "texts": found.texts,
        "before": vars(found.before),
        "after": vars(found.after),
        "file": outcome.request.file.name,
        "date": f"{outcome.ended:%Y-%m-%d}",
    }
    kept = [other for other in others if _key(other) != _key(entry)]
    text = json.dumps({"version": VERSION, "calibrations": [*kept, entry]}, indent=2, ensure_ascii=False)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
    return found


def calibration_line(found: Calibrated) -> str:
    """Return a sentence on how much a calibration helps."""
    before, after = found.before, found.after
    return (
        f"On held-out texts the calibration error falls from {before.calibration_error:.4f} to "
        f"{after.calibration_error:.4f}, and the accuracy changes from {before.accuracy:.4f} to {after.accuracy:.4f}."
    )


def _entries(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a file that exists."""
    if not path.exists():
        return []
    try:
        read_calibrations(str(path))
        return read_entries(str(path))
    except ValueError as error:
        raise CannotCalibrate(f"{path} exists and must be {error}") from None


def _key(entry: dict[str, Any]) -> tuple[str, str, list[str]]:
    return entry["operation"], entry["model"], sorted(entry["bias"])


def _rated(outcome: Outcome) -> tuple[str, list[Rated]]:
    """Return the model of the results, and their scores with the right labels; raise CannotCalibrate without them."""
    scores = outcome.request.task.scores
    if scores is None:
        raise CannotCalibrate(f"the results of {outcome.request.operation} have no scores to calibrate")
    if any(case.result.get("calibrated") for case in outcome.cases):
        raise CannotCalibrate("the service has changed the scores already: start it without CALIBRATION_FILE")
    if outcome.request.options.get("multi_label"):
        raise CannotCalibrate("with multi_label each score stands for itself")
    if len(outcome.models) != 1:
        raise CannotCalibrate(f"the results must be of one model, and they are of {len(outcome.models)}")
    # a text that is mixed has no score of its own
    cases = [case for case in outcome.cases if case.row.right != MIXED]
    return outcome.models[0], [(scores(case.result), case.row.right) for case in cases]
