"""The quality of sentiment and classification with the real embedded engine, on labelled texts.

sentiment-dev.tsv is from the ground truth of the vaderSentiment package (C.J. Hutto and E. Gilbert, ICWSM 2014, MIT
licence); the files in quality/ were written for this project.
"""

import csv
import json
import statistics
from collections import defaultdict
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
MIN_ACCURACY = 0.87
MAX_CALIBRATION_ERROR = 0.05
BINS = 10


def rows(name):
    """The rows of a table whose first line is its source."""
    with (DATA / name).open(encoding="utf-8") as file:
        next(file)
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def results(service, route, texts, **options):
    """The results of all texts, in one call."""
    body = service.post(f"/v1/text/{route}", texts=texts, **options).json()
    assert body["errors"] == []
    return body["results"]


def calibration_error(rated):
    """The expected calibration error of pairs of a score and whether the label was right."""
    bins = defaultdict(list)
    for score, is_right in rated:
        bins[min(int(score * BINS), BINS - 1)].append((score, is_right))
    gaps = (abs(sum(score - is_right for score, is_right in pairs)) for pairs in bins.values())
    return sum(gaps) / len(rated)


@pytest.mark.timeout(300)
def test_the_accuracy_in_both_domains_reaches_the_minimum_and_scores_are_calibrated(embedded, record_property):
    texts = rows("sentiment-dev.tsv")
    assert len(texts) == 800
    hits, rated = defaultdict(list), []
    for row, result in zip(texts, results(embedded, "sentiment", [row["text"] for row in texts]), strict=True):
        is_right = result["sentiment"] == row["label"]
        hits[row["domain"]].append(is_right)
        rated.append((result["score"], is_right))
    accuracies = {domain: statistics.mean(found) for domain, found in hits.items()}
    record_property("accuracies", accuracies)
    record_property("calibration_error", calibration_error(rated))
    assert min(accuracies.values()) >= MIN_ACCURACY, accuracies
    assert calibration_error(rated) <= MAX_CALIBRATION_ERROR


@pytest.mark.timeout(120)
def test_texts_of_many_kinds_and_languages_get_their_sentiment(embedded):
    texts = rows("quality/sentiment.tsv")
    found = [result["sentiment"] for result in results(embedded, "sentiment", [row["text"] for row in texts])]
    hits = defaultdict(list)
    for row, sentiment in zip(texts, found, strict=True):
        kind = row["label"] if row["label"] in ("neutral", "mixed") else "polar"
        hits[kind, row["language"] == "en"].append(sentiment == row["label"])
    shares = {kind: statistics.mean(of_kind) for kind, of_kind in hits.items()}
    assert min(shares.values()) >= 0.8, shares


@pytest.mark.timeout(120)
def test_texts_get_the_right_label_of_the_callers(embedded):
    lines = (DATA / "quality" / "classify.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    cases = defaultdict(list)
    for case in map(json.loads, lines):
        cases[tuple(case["labels"]), case["language"] == "en"].append(case)
    hits = defaultdict(list)
    for (labels, is_english), of_labels in cases.items():
        found = results(embedded, "classify", [case["text"] for case in of_labels], labels=list(labels))
        hits[is_english] += [result["label"] == case["label"] for result, case in zip(found, of_labels, strict=True)]
    assert statistics.mean(hits[True]) >= 0.85
    assert statistics.mean(hits[False]) >= 0.8
