"""The scores of an evaluation, against values computed by hand or given by the sources of the definitions."""

import pytest

from app.evaluation.answers import answer_f1, chrf, facts_found, keyword_hits, normalized
from app.evaluation.classes import Confusion, calibration_error, macro_f1, reliability
from app.evaluation.evaluation import Case
from app.evaluation.rows import Row
from app.evaluation.spans import Span, span_scores
from app.evaluation.tasks import TASKS, score_embeddings

# right class, predicted class
PAIRS = [*[("a", "a")] * 3, ("a", "b"), *[("b", "b")] * 2, *[("b", "c")] * 2, ("c", "a"), ("c", "c")]


def cases(*pairs, text="Ada lives in Paris."):
    """Cases of right results and results of the service."""
    return [Case(Row(number, text, right, {}), result) for number, (right, result) in enumerate(pairs, 2)]


def figures(operation, *pairs, **more):
    found = TASKS[operation].score(cases(*pairs, **more))
    return {name: pytest.approx(value) for name, value in (found.figures | found.baseline).items()}


def test_the_classes_of_a_confusion_matrix_have_their_scores():
    confusion = Confusion.of(PAIRS)
    assert confusion.counts == [[3, 1, 0], [0, 2, 2], [1, 0, 1]]
    assert confusion.accuracy == 0.6
    found = {one.name: (one.precision, one.recall, one.support) for one in confusion.classes}
    assert found == {"a": (3 / 4, 3 / 4, 4), "b": (2 / 3, 2 / 4, 4), "c": (1 / 3, 1 / 2, 2)}
    # F1: 3/4, 4/7, 2/5
    assert macro_f1(confusion.classes) == pytest.approx((3 / 4 + 4 / 7 + 2 / 5) / 3)


def test_the_majority_class_is_rated_like_any_other_prediction():
    majority = Confusion.of(PAIRS).majority
    assert majority.accuracy == 0.4
    assert macro_f1(majority.classes) == pytest.approx((2 * 0.4 / 1.4) / 3)


def test_a_class_that_is_predicted_only_lowers_the_recall_of_others():
    confusion = Confusion.of([("a", "a"), ("a", "b")])
    assert [(one.name, one.f1, one.support) for one in confusion.classes] == [("a", 2 / 3, 2), ("b", 0.0, 0)]
    assert macro_f1(confusion.classes) == 2 / 3


def test_scores_without_texts_are_0():
    assert Confusion.of([]).accuracy == 0
    assert macro_f1([]) == 0
    assert calibration_error([]) == 0


def test_the_calibration_error_is_the_weighted_distance_of_score_and_accuracy():
    bins = reliability([(0.95, True), (0.85, True), (0.85, False), (0.55, False)])
    assert [(one.low, one.count, one.accuracy) for one in bins] == [(0.5, 1, 0.0), (0.8, 2, 0.5), (0.9, 1, 1.0)]
    assert calibration_error(bins) == pytest.approx((0.55 + 2 * 0.35 + 0.05) / 4)


@pytest.mark.parametrize(
    ("score", "low"), [(0.0, 0.0), (0.1, 0.0), (0.1000001, 0.1), (0.5, 0.4), (0.3, 0.2), (1.0, 0.9)]
)
def test_a_bin_holds_its_upper_border(score, low):
    [found] = reliability([(score, True)])
    assert found.low == low


def test_a_span_is_right_with_its_borders_and_type():
    right = [Span(0, 3, "person"), Span(13, 18, "place")]
    predicted = [Span(0, 3, "person"), Span(10, 18, "place"), Span(13, 18, "person")]
    found = span_scores([(right, predicted)])
    assert (found.total.precision, found.total.recall) == (1 / 3, 1 / 2)
    assert found.total.f1 == pytest.approx(0.4)
    assert (found.overlapping.precision, found.overlapping.recall) == (2 / 3, 1.0)
    assert {one.name: one.f1 for one in found.types} == {"person": pytest.approx(2 / 3), "place": 0.0}


def test_spans_of_a_type_that_the_file_never_uses_are_left_out():
    found = span_scores([([Span(0, 3, "person")], [Span(0, 3, "person"), Span(4, 6, "date")])])
    assert (found.total.f1, found.left_out) == (1.0, 1)


def test_a_file_without_spans_has_scores_of_0():
    found = span_scores([([], [])])
    assert (found.total.f1, found.overlapping.f1, found.types) == (0.0, 0.0, [])


@pytest.mark.parametrize(
    ("right", "predicted", "f1"),
    [
        ("the Eiffel Tower", "Eiffel tower.", 1.0),
        ("in the old town hall", "town hall", 2 * 2 / (2 + 4)),
        ("Paris", "London", 0.0),
        (None, None, 1.0),
        (None, "Paris", 0.0),
        ("Paris", None, 0.0),
    ],
)
def test_an_answer_has_the_f1_of_its_words(right, predicted, f1):
    assert answer_f1(right, predicted) == pytest.approx(f1)


def test_words_are_compared_without_case_punctuation_and_articles():
    assert normalized(" The  Cat, an ANIMAL: \uff21 ") == "cat animal"
    assert keyword_hits(["Solar panels", "cost"], ["solar panels.", "sun"]) == 1


def test_facts_are_whole_words_except_in_scripts_without_spaces():
    assert facts_found(["30 %", "art", "Anna Ek"], "Anna Ek started with 30 %, at the party.") == 2
    assert facts_found(["図書館", "駅"], "新しい図書館が開いた。") == 1
    assert facts_found(["नया पुल"], "शहर में नया पुल।") == 1


def test_a_translation_has_the_chrf_of_its_source():
    assert chrf("the cat sat", "the cat sat") == pytest.approx(1.0)
    assert chrf("abc", "xyz") == 0.0
    assert chrf("", "xyz") == 0.0
    # orders 1 and 2 of "ab" and "abb": precisions 2/3 and 1/2, recalls 1 and 1
    precision, recall = (2 / 3 + 1 / 2) / 2, 1.0
    assert chrf("ab", "abb") == pytest.approx(5 * precision * recall / (4 * precision + recall))


def test_labels_are_scored_beside_the_majority_class():
    found = figures(
        "sentiment",
        ("positive", {"sentiment": "positive", "score": 0.9}),
        ("positive", {"sentiment": "negative", "score": 0.7}),
        ("negative", {"sentiment": "negative", "score": 0.8}),
    )
    assert found == {
        "accuracy": 2 / 3,
        "macro F1": 2 / 3,
        "expected calibration error": (0.1 + 0.7 + 0.2) / 3,
        "accuracy of the majority class": 2 / 3,
        "its macro F1": 0.4,
    }


def test_the_wrong_result_with_the_highest_score_comes_first():
    wrong = {score: {"sentiment": "negative", "score": score} for score in (0.6, 0.9, 0.7)}
    found = TASKS["sentiment"].score(cases(*(("positive", result) for result in wrong.values())))
    assert [one.line for one in found.mistakes] == [3, 4, 2]


def test_spans_are_shown_with_their_texts():
    found = TASKS["entities"].score(
        cases(([Span(0, 3, "person")], {"entities": [{"start": 13, "end": 18, "type": "PLACE"}]}))
    )
    assert (found.mistakes[0].right, found.mistakes[0].predicted) == ("Ada (person)", "Paris (place)")
    assert found.notes == ["1 spans of types that the file never uses are left out."]


def test_answers_are_scored_with_and_without_an_answer():
    found = figures(
        "answer",
        ("Paris", {"answer": "in Paris"}),
        ("Ada", {"answer": "ada"}),
        (None, {"answer": None}),
        (None, {"answer": "Paris"}),
    )
    assert found == {
        "F1": (2 / 3 + 1 + 1 + 0) / 4,
        "exact match": 0.5,
        "F1 of texts with an answer": (2 / 3 + 1) / 2,
        "found to have no answer": 0.5,
        "F1 without any answer": 0.5,
    }


def test_answers_of_one_kind_have_no_figures_of_the_other():
    assert "found to have no answer" not in figures("answer", ("Ada", {"answer": "Ada"}))
    assert "F1 of texts with an answer" not in figures("answer", (None, {"answer": "Ada"}))


def test_keywords_are_scored_for_each_text():
    found = figures(
        "keywords",
        (["solar", "cost"], {"keywords": [{"text": "Solar"}, {"text": "sun"}, {"text": "cost"}]}),
        (["rain"], {"keywords": []}),
    )
    assert found == {"F1": 0.8 / 2, "precision": (2 / 3) / 2, "recall": 0.5}


def test_summaries_are_scored_beside_the_beginning_of_the_text():
    text = "Nothing is new here. The bridge opens in May."
    found = figures("summarize", (["bridge", "May"], {"summary": "The bridge opens in May."}), text=text)
    assert found == {
        "facts found": 1.0,
        "length over that of the text": 24 / 45,
        "facts in the first characters of the text": 0.0,
    }


def test_summaries_without_a_fact_are_mistakes():
    found = TASKS["summarize"].score(cases((["Rome"], {"summary": "Ada lives."})))
    assert [one.right for one in found.mistakes] == ["Rome"]


def test_translations_are_scored_beside_the_text_itself():
    found = figures("translate", ("Ada lives in Paris.", {"translation": "Ada lives in Paris."}))
    assert found == {"chrF": 1.0, "chrF of the text itself": 1.0}


def test_data_is_scored_by_its_fields():
    right = {"name": "Ada Ek", "items": [{"price": 5}, {"price": 7.5}], "paid": True, "note": None}
    predicted = {"name": "ada  ek", "items": [{"price": 5.0}], "paid": False}
    found = figures("extract", (right, {"data": predicted}), ({"name": "Bo"}, {"data": {"name": "Bo"}}))
    # right fields: 4 + 1, predicted ones: 3 + 1, equal: name, price and name
    assert found == {
        "F1 of fields": 6 / 9,
        "precision": 3 / 4,
        "recall": 3 / 5,
        "texts with every field right": 0.5,
        "F1 without any field": 0.0,
    }


def test_data_without_fields_has_scores_of_0():
    assert figures("extract", ({}, {"data": {}}))["precision"] == 0


def test_embeddings_rank_the_right_documents_of_the_file():
    found = score_embeddings(
        cases(
            ("one", {"embedding": [1, 0], "of_label": {"embedding": [9, 1]}}),
            ("two", {"embedding": [1, 0.1], "of_label": {"embedding": [0, 2]}}),
            ("zero", {"embedding": [0, 1], "of_label": {"embedding": [0, 0]}}),
        )
    )
    assert found.figures == {
        "right document first": 1 / 3,
        "mean reciprocal rank": pytest.approx((1 + 1 / 2 + 1 / 3) / 3),
        "right document in the first 5": 1.0,
    }
    assert found.baseline == {"right document first in a random order": 1 / 3}
    assert [one.predicted for one in found.mistakes] == ["one", "two"]
