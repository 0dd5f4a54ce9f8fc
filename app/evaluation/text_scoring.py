"""Scores answers, keywords, summaries, translations, extracted data and rankings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from app.evaluation.answers import answer_f1, chrf, f1_of_counts, facts_found, keyword_hits, normalized
from app.evaluation.evaluation import Case, Evaluation, Mistake, Result, Score
from app.evaluation.gold import NONE

RECALL_AT = 5


def score_answers(answer: Callable[[Result], str | None]) -> Score:
    """Return the scoring of answers; None means that the text has none."""

    def score(cases: Sequence[Case]) -> Evaluation:
        pairs = [(case, case.row.right, answer(case.result)) for case in cases]
        f1 = [answer_f1(right, found) for _, right, found in pairs]
        exact = [_form(right) == _form(found) for _, right, found in pairs]
        without = [found is None for _, right, found in pairs if right is None]
        answered = [value for value, (_, right, _) in zip(f1, pairs, strict=True) if right is not None]
        figures = {"F1": mean(f1), "exact match": mean(exact)}
        if answered:
            figures["F1 of texts with an answer"] = mean(answered)
        if without:
            figures["found to have no answer"] = mean(without)
        mistakes = [
            Mistake(case.row.line, case.row.text, right or NONE, found or NONE, None)
            for (case, right, found), value in zip(pairs, f1, strict=True)
            if value < 1
        ]
        return Evaluation(figures, {"F1 without any answer": len(without) / len(cases)}, mistakes=mistakes)

    return score


def _form(answer: str | None) -> str | None:
    return None if answer is None else normalized(answer)


def score_keywords(keywords: Callable[[Result], Sequence[str]]) -> Score:
    """Return the scoring of keywords: the mean over the texts, for keywords that are equal in normalized form."""

    def score(cases: Sequence[Case]) -> Evaluation:
        pairs = [(case, keywords(case.result)) for case in cases]
        hits = [keyword_hits(case.row.right, found) for case, found in pairs]
        f1 = [
            f1_of_counts(hit, len(found), len(case.row.right)) for hit, (case, found) in zip(hits, pairs, strict=True)
        ]
        recall = mean(hit / len(case.row.right) for hit, case in zip(hits, cases, strict=True))
        precision = mean(hit / len(found) if found else 0 for hit, (_, found) in zip(hits, pairs, strict=True))
        mistakes = [
            Mistake(case.row.line, case.row.text, "; ".join(case.row.right), "; ".join(found) or NONE, None)
            for value, (case, found) in sorted(zip(f1, pairs, strict=True), key=lambda one: one[0])
            if value < 1
        ]
        return Evaluation({"F1": mean(f1), "precision": precision, "recall": recall}, {}, mistakes=mistakes)

    return score


def score_summaries(summary: Callable[[Result], str]) -> Score:
    """Return the scoring of summaries by the facts in them, and by the facts in a beginning of the same length."""

    def score(cases: Sequence[Case]) -> Evaluation:
        pairs = [(case, summary(case.result)) for case in cases]
        total = sum(len(case.row.right) for case in cases)
        found = [facts_found(case.row.right, text) for case, text in pairs]
        lead = sum(facts_found(case.row.right, case.row.text[: len(text)]) for case, text in pairs)
        length = sum(len(text) for _, text in pairs) / sum(len(case.row.text) for case in cases)
        mistakes = [
            Mistake(case.row.line, case.row.text, "; ".join(case.row.right), text, None)
            for count, (case, text) in zip(found, pairs, strict=True)
            if count < len(case.row.right)
        ]
        return Evaluation(
            {"facts found": sum(found) / total, "length over that of the text": length},
            {"facts in the first characters of the text": lead / total},
            mistakes=mistakes,
        )

    return score


def score_translations(translation: Callable[[Result], str]) -> Score:
    """Return the scoring of translations: the mean chrF, beside that of the texts as they are."""

    def score(cases: Sequence[Case]) -> Evaluation:
        pairs = [(case, translation(case.result)) for case in cases]
        values = [chrf(case.row.right, found) for case, found in pairs]
        mistakes = [
            Mistake(case.row.line, case.row.text, case.row.right, found, None)
            for _, (case, found) in sorted(zip(values, pairs, strict=True), key=lambda one: one[0])
        ]
        untranslated = mean(chrf(case.row.right, case.row.text) for case in cases)
        return Evaluation({"chrF": mean(values)}, {"chrF of the text itself": untranslated}, mistakes=mistakes)

    return score


def score_data(data: Callable[[Result], Any]) -> Score:
    """Return the scoring of extracted data by its fields: the paths of values that are no objects."""

    def score(cases: Sequence[Case]) -> Evaluation:
        pairs = [(case, dict(_fields(case.row.right)), dict(_fields(data(case.result)))) for case in cases]
        hits = sum(len(right.items() & found.items()) for _, right, found in pairs)
        predicted, support = sum(len(found) for *_, found in pairs), sum(len(right) for _, right, _ in pairs)
        mistakes = [
            Mistake(case.row.line, case.row.text, str(case.row.right), str(data(case.result)), None)
            for case, right, found in pairs
            if right != found
        ]
        return Evaluation(
            {
                "F1 of fields": f1_of_counts(hits, predicted, support),
                "precision": hits / predicted if predicted else 0.0,
                "recall": hits / support if support else 0.0,
                "texts with every field right": 1 - len(mistakes) / len(cases),
            },
            {"F1 without any field": 0.0},
            mistakes=mistakes,
        )

    return score


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the normalized text of each value. Nulls and empty lists are left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _fields(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _fields(inner, f"{path}[{index}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, str(float(value))
    elif value is not None:
        yield path, " ".join(str(value).casefold().split())


def score_ranking(ranked: Sequence[tuple[Case, Sequence[str]]], candidates: int) -> Evaluation:
    """Score for each query the documents in the order of their similarity to it."""
    ranks = [documents.index(case.row.right) + 1 for case, documents in ranked]
    mistakes = [
        Mistake(case.row.line, case.row.text, case.row.right, documents[0], None)
        for rank, (case, documents) in zip(ranks, ranked, strict=True)
        if rank > 1
    ]
    return Evaluation(
        {
            "right document first": ranks.count(1) / len(ranks),
            "mean reciprocal rank": mean(1 / rank for rank in ranks),
            f"right document in the first {RECALL_AT}": sum(rank <= RECALL_AT for rank in ranks) / len(ranks),
        },
        {"right document first in a random order": 1 / candidates},
        mistakes=mistakes,
    )
