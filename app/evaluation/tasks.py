"""The operations that can be evaluated: route, form of labels and results, and scoring of each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from app.evaluation import gold
from app.evaluation.evaluation import Case, Evaluation, Result, Score
from app.evaluation.label_scoring import score_labels, score_spans
from app.evaluation.results_file import Record
from app.evaluation.rows import Parse, Row
from app.evaluation.run import Item, Route
from app.evaluation.spans import Span
from app.evaluation.text_scoring import (
    score_answers,
    score_data,
    score_keywords,
    score_ranking,
    score_summaries,
    score_translations,
)

SENTIMENTS = ("mixed", "negative", "neutral", "positive")
# where a case of a pair has the result for its label
OF_LABEL = "of_label"
# options of many operations
LANGUAGE, FORMAT = "language", "format"


@dataclass(frozen=True)
class Task:
    """An operation. `columns` are options of the request that a file may have as columns or keys.

    `defaults` returns options of every request that follow from the labels of the file. `scores` returns the score of
    each label of a result; it is None if the operation has no such scores. With `pairs` labels are sent too.
    """

    route: Route
    parse: Parse
    score: Score
    columns: Sequence[str] = (LANGUAGE, FORMAT)
    scores: Callable[[Result], Mapping[str, float]] | None = None
    pairs: bool = False
    defaults: Callable[[Sequence[str]], Mapping[str, Any]] | None = None

    def items(self, operation: str, rows: Iterable[Row]) -> list[list[Item]]:
        """Return the items of each row, whose results are the row's: its text, and with `pairs` its label."""
        return [
            [
                Item.of(operation, row.line, text, row.options)
                for text in ([row.text, row.right] if self.pairs else [row.text])
            ]
            for row in rows
        ]


def _texts_route(operation: str) -> Route:
    def body(texts: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
        return {"texts": list(texts), **options}

    def read(response: Mapping[str, Any], count: int) -> list[Record]:
        found: dict[int, Record] = {}
        for result in response["results"]:
            found[result["index"]] = {"result": {name: result[name] for name in result if name not in _ECHOES}}
        for fault in response["errors"]:
            found[fault["index"]] = {"error": fault["error"]}
        return [found[index] for index in range(count)]

    return Route(f"/v1/text/{operation}", body, read)


# fields of a result that are known from the request
_ECHOES = ("text", "index", "id")


def _embeddings_route() -> Route:
    def body(texts: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
        return {"input": list(texts), **options}

    def read(response: Mapping[str, Any], count: int) -> list[Record]:
        found = {one["index"]: {"result": {"embedding": one["embedding"]}} for one in response["data"]}
        return [found[index] for index in range(count)]

    return Route("/v1/embeddings", body, read)


def _sentiment_label(result: Result) -> tuple[str, float]:
    return result["sentiment"], result["score"]


def _class_label(result: Result) -> tuple[str, float]:
    return result["label"], result["score"]


def _language(result: Result) -> tuple[str, float]:
    return result["language"] or gold.NONE, result["confidence"]


def _spans(result: Result) -> list[Span]:
    return [Span(one["start"], one["end"], one["type"].lower()) for one in result["entities"]]


def _keywords(result: Result) -> list[str]:
    return [one["text"] for one in result["keywords"]]


def _scores(result: Result) -> Mapping[str, float]:
    return result["scores"]


def score_embeddings(cases: Sequence[Case]) -> Evaluation:
    """Score queries by the cosine similarity of their embeddings to those of all right documents of the file."""
    vectors = {case.row.right: _unit(case.result[OF_LABEL]["embedding"]) for case in cases}
    ranked = []
    for case in cases:
        query = case.result["embedding"]
        similarity = {text: sum(map(mul, query, vector)) for text, vector in vectors.items()}
        ranked.append((case, sorted(vectors, key=similarity.__getitem__, reverse=True)))
    return score_ranking(ranked, len(vectors))


def score_similarities(cases: Sequence[Case]) -> Evaluation:
    """Score queries by the similarity of the candidates, which are all right documents of the file."""
    ranked = []
    for case in cases:
        found = dict(zip(case.row.options["candidates"], case.result["scores"], strict=True))
        ranked.append((case, sorted(found, key=found.__getitem__, reverse=True)))
    return score_ranking(ranked, len(cases[0].row.options["candidates"]))


def _unit(vector: Sequence[float]) -> list[float]:
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return [value / length for value in vector]


TASKS = {
    "sentiment": Task(
        _texts_route("sentiment"),
        gold.label_of(*SENTIMENTS, lower=True),
        score_labels(_sentiment_label),
        scores=_scores,
    ),
    "classify": Task(
        _texts_route("classify"),
        gold.label_of(),
        score_labels(_class_label),
        columns=(LANGUAGE, FORMAT, "labels"),
        scores=_scores,
        defaults=lambda labels: {"labels": labels},
    ),
    "language": Task(
        _texts_route("language"), gold.label_of(lower=True, may_be_empty=True), score_labels(_language), columns=()
    ),
    "entities": Task(_texts_route("entities"), gold.spans_of, score_spans(_spans)),
    "pii": Task(_texts_route("pii"), gold.spans_of, score_spans(_spans)),
    "keywords": Task(_texts_route("keywords"), gold.texts_of, score_keywords(_keywords)),
    "answer": Task(
        _texts_route("answer"),
        gold.answer_of,
        score_answers(lambda result: result["answer"]),
        columns=(LANGUAGE, FORMAT, "question"),
    ),
    "translate": Task(
        _texts_route("translate"),
        gold.text_of,
        score_translations(lambda result: result["translation"]),
        columns=(LANGUAGE, FORMAT, "source", "target"),
    ),
    "extract": Task(
        _texts_route("extract"),
        gold.data_of,
        score_data(lambda result: result["data"]),
        columns=(LANGUAGE, FORMAT, "schema"),
    ),
    "summarize": Task(_texts_route("summarize"), gold.texts_of, score_summaries(lambda result: result["summary"])),
    "similarity": Task(
        _texts_route("similarity"),
        gold.text_of,
        score_similarities,
        defaults=lambda labels: {"candidates": labels},
    ),
    "embeddings": Task(_embeddings_route(), gold.text_of, score_embeddings, columns=(), pairs=True),
}
