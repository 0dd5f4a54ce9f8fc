"""Scores single labels and spans."""

from collections.abc import Callable, Sequence

from app.evaluation.classes import Confusion, calibration_error, macro_f1, reliability
from app.evaluation.evaluation import Case, Evaluation, Mistake, Result, Score, worst_first
from app.evaluation.gold import NONE
from app.evaluation.spans import Span, span_scores


def score_labels(label: Callable[[Result], tuple[str, float]]) -> Score:
    """Return the scoring of single labels. `label` returns the predicted label and its score."""

    def score(cases: Sequence[Case]) -> Evaluation:
        rated = [(case, *label(case.result)) for case in cases]
        confusion = Confusion.of((case.row.right, found) for case, found, _ in rated)
        bins = reliability((given, found == case.row.right) for case, found, given in rated)
        majority = confusion.majority
        figures = {
            "accuracy": confusion.accuracy,
            "macro F1": macro_f1(confusion.classes),
            "expected calibration error": calibration_error(bins),
        }
        mistakes = [
            Mistake(case.row.line, case.row.text, case.row.right, found, given)
            for case, found, given in rated
            if found != case.row.right
        ]
        return Evaluation(
            figures,
            {"accuracy of the majority class": majority.accuracy, "its macro F1": macro_f1(majority.classes)},
            confusion.classes,
            confusion,
            bins,
            worst_first(mistakes),
        )

    return score


def score_spans(spans: Callable[[Result], Sequence[Span]]) -> Score:
    """Return the scoring of spans."""

    def score(cases: Sequence[Case]) -> Evaluation:
        pairs = [(case, spans(case.result)) for case in cases]
        found = span_scores((case.row.right, predicted) for case, predicted in pairs)
        mistakes = [
            Mistake(case.row.line, case.row.text, _shown(case, case.row.right), _shown(case, predicted), None)
            for case, predicted in pairs
            if set(predicted) != set(case.row.right)
        ]
        left_out = f"{found.left_out} spans of types that the file never uses are left out."
        return Evaluation(
            {
                "F1": found.total.f1,
                "precision": found.total.precision,
                "recall": found.total.recall,
                "F1 with other borders": found.overlapping.f1,
                "macro F1": macro_f1(found.types),
            },
            {"F1 without any span": 0.0},
            found.types,
            mistakes=mistakes,
            notes=[left_out] if found.left_out else [],
        )

    return score


def _shown(case: Case, spans: Sequence[Span]) -> str:
    return "; ".join(f"{case.row.text[span.start : span.end]} ({span.type})" for span in sorted(spans)) or NONE
