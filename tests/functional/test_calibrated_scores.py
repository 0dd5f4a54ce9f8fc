"""CALIBRATION_FILE: scores of sentiment and classify that were fitted to labelled texts."""

import json
import math

import pytest
from support.calls import rate
from support.upstreams import HUGGINGFACE, PIPELINE

ROBERTA = "cardiffnlp/twitter-roberta-base-sentiment-latest"
BART = "facebook/bart-large-mnli"
SCORES = {"positive": 0.48, "neutral": 0.26, "negative": 0.26}


@pytest.fixture
def client(make_client, tmp_path):
    """A client of a service with calibrations for both operations."""
    sentiment = {"positive": 0.0, "negative": math.log(2), "neutral": 0.0}
    labels = {"billing": 0.0, "bug": math.log(9)}
    entries = [
        {"operation": "sentiment", "model": ROBERTA, "temperature": 1, "bias": sentiment},
        {"operation": "classify", "model": BART, "temperature": 1, "bias": labels},
    ]
    (tmp_path / "calibration.json").write_text(json.dumps({"version": 1, "calibrations": entries}))
    return make_client(HUGGINGFACE, CALIBRATION_FILE=str(tmp_path / "calibration.json"))


def rated(upstream, model, scores):
    upstream.post(f"{PIPELINE}{model}", json=[{"label": label, "score": score} for label, score in scores.items()])


def test_calibrated_scores_of_sentiment_may_change_the_label(client, upstream):
    rated(upstream, ROBERTA, SCORES)
    response = rate(client, language="en").get_json()
    assert response["scores"] == {"positive": 0.381, "negative": 0.4127, "neutral": 0.2063}
    assert (response["sentiment"], response["score"], response["calibrated"]) == ("negative", 0.4127, True)


def test_scores_of_another_model_are_not_calibrated(client, upstream):
    rated(upstream, "org/other", SCORES)
    response = rate(client, language="en", model="org/other").get_json()
    assert (response["sentiment"], response["scores"]["positive"]) == ("positive", 0.48)
    assert "calibrated" not in response


def classify(client, labels, **more):
    body = {"text": "I was charged twice.", "labels": labels, "language": "en", **more}
    return client.post("/v1/text/classify", json=body).get_json()


def test_scores_of_the_same_labels_are_calibrated(client, upstream):
    rated(upstream, BART, {"billing": 0.75, "bug": 0.25})
    response = classify(client, ["bug", "billing"])
    assert (response["label"], response["scores"], response["calibrated"]) == (
        "bug",
        {"bug": 0.75, "billing": 0.25},
        True,
    )


def test_scores_of_other_labels_are_not_calibrated(client, upstream):
    rated(upstream, BART, {"billing": 0.75, "outage": 0.25})
    response = classify(client, ["billing", "outage"])
    assert (response["label"], response["scores"]["billing"]) == ("billing", 0.75)
    assert "calibrated" not in response


def test_scores_that_stand_for_themselves_are_not_calibrated(client, upstream):
    rated(upstream, BART, {"billing": 0.75, "bug": 0.75})
    response = classify(client, ["billing", "bug"], multi_label=True)
    assert response["scores"] == {"billing": 0.75, "bug": 0.75}
    assert "calibrated" not in response
