"""The sections of docs/quality.md: an operation, its labelled texts, and the trivial methods beside it."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.quality import baselines
from scripts.quality.baselines import Method

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
QUALITY = DATA / "quality"

# a labelled text as a record: text, label, the options of its request, and its group
Record = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """An operation on one file. `records` reads the file, `source` says in a sentence where it is from.

    `group` names what the `group` of the records is, for figures of each.
    """

    name: str
    title: str
    operation: str
    source: str
    records: Callable[[], Iterator[Record]]
    group: str = "language"
    options: Mapping[str, Any] = field(default_factory=dict)
    methods: Mapping[str, Method] = field(default_factory=dict)


def _table(path: Path, *names: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table; `names` are its columns if it has no header."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        yield from csv.DictReader(lines, names or None, delimiter="\t", quoting=csv.QUOTE_NONE)


def _lines(name: str) -> Iterator[dict[str, Any]]:
    for line in (QUALITY / name).read_text(encoding="utf-8").splitlines():
        if "text" in (record := json.loads(line)):
            yield record


def _ratings() -> Iterator[Record]:
    for row in _table(DATA / "sentiment-dev.tsv"):
        yield {"text": row["text"], "label": row["label"], "group": row["domain"]}


def _sentiments() -> Iterator[Record]:
    for row in _table(QUALITY / "sentiment.tsv"):
        yield {"text": row["text"], "label": row["label"], "group": row["kind"]}


def _classes() -> Iterator[Record]:
    for row in _lines("classify.jsonl"):
        yield {"text": row["text"], "label": row["label"], "labels": row["labels"], "group": row["kind"]}


def _languages() -> Iterator[Record]:
    for row in _table(QUALITY / "language.tsv"):
        yield {"text": row["text"], "label": row["language"], "group": row["length"]}


def _entities() -> Iterator[Record]:
    for row in _lines("entities.jsonl"):
        yield {"text": row["text"], "label": row["entities"], "group": row["language"]}


def _pii() -> Iterator[Record]:
    for row in _lines("pii.jsonl"):
        yield {"text": row["text"], "label": row["entities"], "group": row.get("country") or "look-alikes"}


def _keywords() -> Iterator[Record]:
    for row in _lines("keywords.jsonl"):
        yield {"text": row["text"], "label": row["keywords"], "group": row["language"]}


def _answers() -> Iterator[Record]:
    for row in _lines("answer.jsonl"):
        yield {"text": row["text"], "label": row["answer"], "question": row["question"], "group": row["language"]}


def _facts() -> Iterator[Record]:
    for row in _lines("summaries/texts.jsonl"):
        yield {"text": row["text"], "label": row["facts"], "format": row["format"], "group": row["language"]}


def _pairs() -> Iterator[Record]:
    rows = list(_table(QUALITY / "embeddings.tsv", "kind", "language", "id", "text"))
    documents = {row["id"]: row for row in rows if row["kind"] == "document"}
    for row in rows:
        if row["kind"] == "query":
            right = documents[row["id"]]
            yield {"text": row["text"], "label": right["text"], "group": f"{row['language']} in {right['language']}"}


RATED = (
    "Film reviews and product reviews with the mean rating of people, at least 1 above or below 0: the ground truth in "
    "the source distribution of vaderSentiment (C.J. Hutto and E. Gilbert, ICWSM 2014, MIT). None of these texts was "
    "used for training."
)
WRITTEN = (
    "Texts in `tests/data/quality/`, written for this project. The labels were fixed before the first run; the head of "
    "a file says what was changed after it."
)
VADER = {"VADER": baselines.vader}

SECTIONS = (
    Section("ratings", "Sentiment of reviews", "sentiment", RATED, _ratings, "domain", methods=VADER),
    Section("sentiment", "Sentiment of all kinds of texts", "sentiment", WRITTEN, _sentiments, "kind", methods=VADER),
    Section(
        "classify",
        "Labels of the caller's",
        "classify",
        WRITTEN,
        _classes,
        "kind",
        methods={"words of the label in the text": baselines.word_overlap},
    ),
    Section("language", "Language", "language", WRITTEN, _languages, "length"),
    Section(
        "entities",
        "Entities",
        "entities",
        WRITTEN,
        _entities,
        methods={"regular expressions": baselines.patterns(baselines.ENTITIES)},
    ),
    Section(
        "pii",
        "Personal data",
        "pii",
        WRITTEN,
        _pii,
        "country",
        methods={"regular expressions": baselines.patterns(baselines.PII)},
    ),
    Section(
        "keywords",
        "Keywords",
        "keywords",
        WRITTEN,
        _keywords,
        methods={"most frequent words": baselines.frequent_words},
    ),
    Section(
        "answer",
        "Answers",
        "answer",
        WRITTEN,
        _answers,
        methods={"sentence with most words of the question": baselines.best_sentence},
    ),
    Section(
        "summaries",
        "Summaries of three sentences",
        "summarize",
        WRITTEN,
        _facts,
        options={"length": baselines.SUMMARY_SENTENCES, "style": "extractive"},
        methods={"first three sentences": baselines.first_sentences},
    ),
    Section("embeddings", "Retrieval by embeddings", "embeddings", WRITTEN, _pairs, "query and document"),
)
