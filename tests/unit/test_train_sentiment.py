"""The script that trains the heads of sentiment."""

import hashlib
import json

import numpy as np
import pytest

from app.embedded.encoder.files import BGE_MODEL, USE_WEIGHTS
from app.embedded.encoder.sentiment_heads import HEADS
from scripts import train_sentiment as training


def test_the_heads_were_trained_from_the_present_files():
    recorded = json.loads(HEADS.read_bytes())["trained_from"]
    for file in (training.EXTRA, training.HELD_OUT, training.DEV):
        assert recorded[file.name] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert recorded["model.onnx"] == BGE_MODEL.sha256
    assert recorded["weights.npz"] == USE_WEIGHTS.sha256
    assert recorded[training.PACKAGE] == training.PACKAGE_SHA256


def test_the_key_of_a_held_out_text_ignores_case_and_spaces():
    assert training.key(" A  text\n") == training.key("a text") == hashlib.sha256(b"a text").hexdigest()[:16]


def test_no_text_of_the_supplement_is_held_out():
    held_out = {training.key(row["text"]) for row in training.rows(training.DEV)}
    held_out |= set(training.HELD_OUT.read_text().split())
    checked = {training.key(row["text"]) for row in training.rows(training.ROOT / "tests/data/quality/sentiment.tsv")}
    assert not {training.key(text.text) for text in training.extra_texts()} & (held_out | checked)


def test_the_optimum_is_found_and_does_not_depend_on_the_order():
    random = np.random.default_rng(1)
    vectors = random.normal(size=(60, 4))
    targets = (vectors[:, 0] > 0.3).astype(int) + (vectors[:, 1] > 0)
    weight = np.ones(60)
    found = training.fit(vectors, targets, weight)
    order = random.permutation(60)
    assert training.fit(vectors[order], targets[order], weight) == pytest.approx(found, abs=1e-6)
    assert (training.logits_of(found, vectors).argmax(axis=1) == targets).mean() > 0.7


def test_a_domain_weighs_as_the_root_of_its_size():
    texts = [training.Text("a", 1, "tweets")] * 4 + [training.Text("b", 1, "film")] + [training.Text("c", 1, "extra")]
    weights = training.weights(texts, 7.0)
    assert weights[:4].sum() == pytest.approx(2 * weights[4])
    assert weights[:5].mean() == pytest.approx(1)
    assert weights[5] == 7


def test_the_calibration_error_is_the_gap_between_scores_and_right_labels():
    probabilities = np.array([[0.1, 0.9], [0.1, 0.9]])
    assert training.calibration_error(probabilities, np.array([1, 0])) == pytest.approx(0.4)
