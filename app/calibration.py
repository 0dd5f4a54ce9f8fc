"""Calibrated scores: the file that `ai-huggingface evaluate --calibrate` writes, and how its values change scores."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = 1
MAX_FILE_BYTES = 4 * 1024**2
# responses have four digits, so a score of 0 may be this much
MIN_SCORE = 0.00005


@dataclass(frozen=True)
class Calibration:
    """A temperature, and a bias for each label; both are fitted on labelled texts.

    New scores are softmax(log(score) / temperature + bias), the bias-corrected temperature scaling of A. Alexandari et
    al., "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation", ICML 2020. The
    biases move the thresholds between labels, so another label can become the most likely one.
    """

    operation: str
    model: str
    temperature: float
    bias: Mapping[str, float]

    def apply(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return calibrated scores, whose sum is 1; the labels must be those of `bias`."""
        logits = {
            label: math.log(max(score, MIN_SCORE)) / self.temperature + self.bias[label]
            for label, score in scores.items()
        }
        return softmax(logits)


def softmax(logits: Mapping[str, float]) -> dict[str, float]:
    """Return probabilities that are proportional to the exponentials of the logits."""
    highest = max(logits.values())
    weights = {label: math.exp(logit - highest) for label, logit in logits.items()}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def calibrate(
    calibrations: Iterable[Calibration], operation: str, model: str, scores: Mapping[str, float]
) -> dict[str, float] | None:
    """Return calibrated scores; None if there is no calibration of this operation, model and set of labels."""
    key = (operation, model, scores.keys())
    found = (one for one in calibrations if (one.operation, one.model, one.bias.keys()) == key)
    return next((one.apply(scores) for one in found), None)


def read_calibrations(path: str) -> tuple[Calibration, ...]:
    """Return the calibrations of a file; raise ValueError, which ends the sentence "CALIBRATION_FILE must be"."""
    return tuple(_calibration(entry, number) for number, entry in enumerate(read_entries(path), 1))


def read_entries(path: str) -> list[Any]:
    """Return the entries of a file as they are; raise ValueError as `read_calibrations` does."""
    try:
        with Path(path).open("rb") as file:
            content = json.loads(file.read(MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):  # a path with a null byte is a ValueError
        content = None
    entries = content.get("calibrations") if isinstance(content, dict) else None
    if not isinstance(entries, list) or content.get("version") != VERSION:
        raise ValueError("a readable file of `ai-huggingface evaluate --calibrate`")
    return entries


def _calibration(entry: Any, number: int) -> Calibration:
    """Check an entry of a file; other fields of it are for people."""
    try:
        calibration = Calibration(
            str(entry["operation"]),
            str(entry["model"]),
            float(entry["temperature"]),
            {str(label): float(bias) for label, bias in entry["bias"].items()},
        )
        numbers = [calibration.temperature, *calibration.bias.values()]
        valid = calibration.temperature > 0 and len(calibration.bias) > 1 and all(map(math.isfinite, numbers))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        valid = False
    if not valid:
        raise ValueError(
            f"a file of `ai-huggingface evaluate --calibrate`, and entry {number} is none: it needs an operation, a "
            "model, a positive temperature, and a bias for each label"
        )
    return calibration
