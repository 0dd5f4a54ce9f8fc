"""Writes the file that the service loads by CALIBRATION_FILE."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from app.calibration import VERSION, read_calibrations, read_entries
from app.evaluation.calibrate import Calibrated, CannotCalibrate, calibrated
from app.evaluation.fitting import Rated
from app.evaluation.session import Outcome

MIXED = "mixed"


def write_calibrations(path: Path, outcome: Outcome) -> list[str]:
    """Fit a calibration for each model of the results, and write those that help; return a sentence on each model.

    A file of other operations, models or labels keeps their entries. Raises CannotCalibrate if nothing helps; then the
    file stays as it is.
    """
    entries = {_key(entry): entry for entry in _entries(path)}
    lines, failed = [], []
    for model, rated in sorted(_rated(outcome).items()):
        try:
            found = calibrated(rated)
        except CannotCalibrate as error:
            failed.append(f"{model}: {error}")
        else:
            entry = _entry(outcome, model, found)
            entries[_key(entry)] = entry
            lines.append(f"{model}: {_sentence(found)}")
    if not lines:
        raise CannotCalibrate("\n".join(failed))
    text = json.dumps({"version": VERSION, "calibrations": list(entries.values())}, indent=2, ensure_ascii=False)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
    return lines + failed


def _entry(outcome: Outcome, model: str, found: Calibrated) -> dict[str, Any]:
    return {
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


def _sentence(found: Calibrated) -> str:
    before, after = found.before, found.after
    return (
        f"on held-out texts the calibration error falls from {before.calibration_error:.4f} to "
        f"{after.calibration_error:.4f}, and the accuracy changes from {before.accuracy:.4f} to {after.accuracy:.4f}"
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


def _key(entry: dict[str, Any]) -> tuple[str, str, frozenset[str]]:
    return entry["operation"], entry["model"], frozenset(entry["bias"])


def _rated(outcome: Outcome) -> dict[str, list[Rated]]:
    """Return the scores of each model with the right labels; raise CannotCalibrate without them."""
    scores = outcome.request.task.scores
    if scores is None:
        raise CannotCalibrate(f"the results of {outcome.request.operation} have no scores to calibrate")
    if outcome.request.options.get("multi_label"):
        raise CannotCalibrate("with multi_label each score stands for itself")
    if any(case.result.get("calibrated") for case in outcome.cases):
        raise CannotCalibrate("the service has changed the scores already: start it without CALIBRATION_FILE")
    rated: dict[str, list[Rated]] = defaultdict(list)
    for case in outcome.cases:
        # a text that is mixed has no score of its own
        if case.row.right != MIXED and case.result.get("model"):
            rated[case.result["model"]].append((scores(case.result), case.row.right))
    if not rated:
        raise CannotCalibrate("the results name no model")
    return rated
