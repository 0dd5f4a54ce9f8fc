"""Calibrations: how they are fitted, written, loaded and applied."""

import json
import math
import random

import pytest

from app.calibration import Calibration, calibrate, read_calibrations
from app.config import Config, ConfigError
from app.evaluation.calibrate import CannotCalibrate, calibrated, quality
from app.evaluation.fitting import fit_biases, fit_temperature

LABELS = ("negative", "neutral", "positive")
ENTRY = {"operation": "sentiment", "model": "m", "temperature": 2.0, "bias": {"negative": 0.5, "positive": 0.0}}


def softmax(logits):
    weights = {label: math.exp(logit) for label, logit in logits.items()}
    return {label: round(weight / sum(weights.values()), 4) for label, weight in weights.items()}


def drawn(count, sharpness=1.0, shift=0.0, seed=1):
    """Sharpened scores, shifted to neutral, with right labels drawn from the true probabilities."""
    generator = random.Random(seed)
    found = []
    for _ in range(count):
        logits = {label: generator.gauss(0, 1.5) for label in LABELS}
        [right] = generator.choices(LABELS, [math.exp(logits[label]) for label in LABELS])
        given = {label: sharpness * logit + (shift if label == "neutral" else 0) for label, logit in logits.items()}
        found.append((softmax(given), right))
    return found


def test_a_calibration_divides_logarithms_and_adds_biases():
    scores = Calibration("sentiment", "m", 2.0, {"a": 0.0, "b": math.log(3)}).apply({"a": 0.64, "b": 0.36})
    # weights 0.8 and 3 * 0.6
    assert scores == {"a": pytest.approx(0.8 / 2.6), "b": pytest.approx(1.8 / 2.6)}


def test_scores_of_0_are_calibrated_too():
    scores = Calibration("sentiment", "m", 0.05, {"a": 0.0, "b": 0.0}).apply({"a": 1.0, "b": 0.0})
    assert scores == {"a": pytest.approx(1.0), "b": pytest.approx(0.0)}


@pytest.mark.parametrize(
    ("operation", "model", "scores", "is_found"),
    [
        ("sentiment", "m", {"positive": 0.5, "negative": 0.5}, True),
        ("sentiment", "other", {"positive": 0.5, "negative": 0.5}, False),
        ("classify", "m", {"positive": 0.5, "negative": 0.5}, False),
        ("sentiment", "m", {"positive": 0.5, "negative": 0.2, "neutral": 0.3}, False),
    ],
)
def test_a_calibration_is_for_one_operation_model_and_set_of_labels(operation, model, scores, is_found):
    calibrations = [Calibration("sentiment", "m", 1.0, {"negative": 1.0, "positive": 0.0})]
    assert (calibrate(calibrations, operation, model, scores) is not None) is is_found


def test_overconfident_scores_get_the_temperature_they_were_made_with():
    rated = drawn(3000, sharpness=3.0)
    assert fit_temperature(rated).temperature == pytest.approx(3.0, rel=0.1)
    assert set(fit_temperature(rated).bias.values()) == {0.0}


def test_scores_that_say_nothing_stay_as_they_are():
    fit = fit_biases([({"a": 0.5, "b": 0.5}, "a"), ({"a": 0.5, "b": 0.5}, "b")])
    assert (fit.temperature, fit.bias) == (1.0, {"a": 0.0, "b": 0.0})


def test_shifted_scores_get_their_biases_back():
    fit = fit_biases(drawn(3000, sharpness=2.0, shift=2.0))
    assert fit.temperature == pytest.approx(2.0, rel=0.1)
    assert fit.bias["neutral"] - fit.bias["positive"] == pytest.approx(-1.0, abs=0.15)


def test_a_calibration_makes_held_out_scores_better():
    found = calibrated(drawn(1000, sharpness=3.0, shift=3.0))
    assert found.before.calibration_error > 0.2
    assert found.after.calibration_error < 0.06
    assert found.after.accuracy > found.before.accuracy + 0.03
    assert found.texts == 1000


def test_a_calibration_of_few_texts_changes_little():
    assert fit_temperature([({"a": 1.0, "b": 0.0}, "a")] * 3).temperature == pytest.approx(0.05, abs=1)


def test_calibrated_scores_are_not_calibrated_again():
    with pytest.raises(
        CannotCalibrate, match=r"^a calibration does not help on held-out texts: calibration error 0\.\d+"
    ):
        calibrated(drawn(300))


@pytest.mark.parametrize(
    ("rated", "message"),
    [
        ([({"a": 1.0}, "a"), ({"a": 0.5, "b": 0.5}, "a")], "scores of the same labels"),
        ([({"a": 0.5, "b": 0.5}, "c")] * 9, "have no score of c"),
        ([({"a": 0.5, "b": 0.5}, "a")] * 9, "5 texts of each label are needed, and the file has fewer of b"),
    ],
)
def test_unfit_results_are_refused(rated, message):
    with pytest.raises(CannotCalibrate, match=message):
        calibrated(rated)


def test_the_quality_of_scores_has_accuracy_error_and_log_loss():
    found = quality([({"a": 0.75, "b": 0.25}, "a"), ({"a": 0.75, "b": 0.25}, "b")])
    assert (found.accuracy, found.calibration_error) == (0.5, 0.25)
    assert found.log_loss == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)


@pytest.fixture
def write(tmp_path):
    def write_one(content):
        (tmp_path / "calibration.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return str(tmp_path / "calibration.json")

    return write_one


def test_the_service_loads_the_file(write):
    config = Config.from_env(
        {"AI_BACKEND": "embedded", "CALIBRATION_FILE": write({"version": 1, "calibrations": [ENTRY]})}
    )
    assert config.calibration_file == (Calibration("sentiment", "m", 2.0, {"negative": 0.5, "positive": 0.0}),)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        {"version": 2, "calibrations": []},
        {"version": 1},
        {"version": 1, "calibrations": [ENTRY, []]},
        {"version": 1, "calibrations": [ENTRY, {"operation": "sentiment"}]},
        {"version": 1, "calibrations": [ENTRY, ENTRY | {"temperature": 0}]},
        {"version": 1, "calibrations": [ENTRY, ENTRY | {"temperature": 1e999}]},
        {"version": 1, "calibrations": [ENTRY, ENTRY | {"temperature": 10**400}]},
        {"version": 1, "calibrations": [ENTRY, ENTRY | {"bias": {"a": 1}}]},
        {"version": 1, "calibrations": [ENTRY, ENTRY | {"bias": {"a": 1, "b": "x"}}]},
        {"version": 1, "calibrations": [ENTRY, ENTRY | {"bias": ["a", "b"]}]},
    ],
)
def test_a_wrong_file_is_refused_at_start(write, content):
    with pytest.raises(ConfigError) as raised:
        Config.from_env({"AI_BACKEND": "embedded", "CALIBRATION_FILE": write(content)})
    [error] = raised.value.errors
    assert error.startswith("CALIBRATION_FILE must be a")
    assert ("entry 2 is none" in error) == ("temperature" in str(content))


@pytest.mark.parametrize("path", ["/nowhere/calibration.json", "/", "a\0b"])
def test_a_file_that_cannot_be_read_is_refused(path):
    with pytest.raises(ValueError, match="a readable file of"):
        read_calibrations(path)
