"""Trivial methods, which give results in the form of the operations: what a model must be better than."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sentencex import segment
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from app.backends.tasks.summaries.extractive import sentences_of
from app.evaluation.answers import normalized
from app.evaluation.evaluation import Case, Evaluation
from app.evaluation.rows import Row
from app.evaluation.text_scoring import score_ranking
from app.texts.document import Document

# the thresholds of VADER's own documentation
VADER_THRESHOLD = 0.05
KEYWORDS = 5
SUMMARY_SENTENCES = 3
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
ENTITIES = {
    "date": re.compile(
        rf"\b(?:\d{{1,2}} )?(?:{MONTHS})(?: \d{{1,2}})?(?:,? \d{{4}})?\b|\b(?:{DAYS})\b|\b(?:19|20)\d\d\b"
    ),
    "money": re.compile(r"[$€£]\s?\d[\d.,]*(?: (?:million|billion))?|\b\d[\d.,]* (?:dollars|euros|pounds)\b"),
    "email": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "person": re.compile(r"(?<!^)(?<![.!?] )\b[A-Z]\w+(?: [A-Z]\w+)*"),
}
PII = {
    "email": ENTITIES["email"],
    "phone": re.compile(r"\+?\d[\d ()/-]{7,}\d"),
}

# takes a row, returns a result
Method = Callable[[Row], dict[str, Any]]


def _words(text: str) -> list[str]:
    return normalized(text).split()


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def vader(row: Row) -> dict[str, Any]:
    """Rate with VADER."""
    compound = _analyzer().polarity_scores(row.text)["compound"]
    polar = "positive" if compound >= VADER_THRESHOLD else "negative"
    label = polar if abs(compound) >= VADER_THRESHOLD else "neutral"
    return {"sentiment": label, "score": 1.0}


def word_overlap(row: Row) -> dict[str, Any]:
    """Choose the label with the most words in the text; the first of equal ones."""
    labels = row.options["labels"]
    words = set(_words(row.text))
    names = [one if isinstance(one, str) else f"{one['name']} {one.get('description', '')}" for one in labels]
    best = max(range(len(labels)), key=lambda index: len(words & set(_words(names[index]))))
    label = labels[best] if isinstance(labels[best], str) else labels[best]["name"]
    return {"label": label, "score": 1.0}


def patterns(found: Mapping[str, re.Pattern[str]]) -> Method:
    """Find spans by regular expressions; an earlier type takes what overlaps."""

    def method(row: Row) -> dict[str, Any]:
        taken: list[dict[str, Any]] = []
        for kind, pattern in found.items():
            for match in pattern.finditer(row.text):
                if not any(match.start() < one["end"] and one["start"] < match.end() for one in taken):
                    taken.append({"type": kind, "start": match.start(), "end": match.end()})
        return {"entities": taken}

    return method


def best_sentence(row: Row) -> dict[str, Any]:
    """Answer with the sentence that has the most words of the question."""
    question = set(_words(row.options["question"]))
    sentences = list(segment("en", row.text))
    return {"answer": max(sentences, key=lambda sentence: len(question & set(_words(sentence))))}


def frequent_words(row: Row) -> dict[str, Any]:
    """Take the most frequent words of more than three letters."""
    counts = Counter(word for word in _words(row.text) if len(word) > 3)
    return {"keywords": [{"text": word} for word, _ in counts.most_common(KEYWORDS)]}


def first_sentences(row: Row) -> dict[str, Any]:
    """Take the first sentences, as the service splits the text: other splitters count headings and list marks."""
    document = Document(row.text, row.options["format"])
    return {"summary": " ".join(sentences_of(document.text, document.language)[:SUMMARY_SENTENCES])}


def overlap_ranking(rows: Sequence[Row]) -> Evaluation:
    """Rank the documents by the number of words that they share with the query, rare words counting more."""
    documents = list(dict.fromkeys(row.right for row in rows))
    words = {document: set(_words(document)) for document in documents}
    frequency = Counter(word for found in words.values() for word in found)
    ranked = []
    for row in rows:
        query = set(_words(row.text))
        value = {one: sum(1 / frequency[word] for word in query & words[one]) for one in documents}
        ranked.append((Case(row, {}), sorted(documents, key=value.__getitem__, reverse=True)))
    return score_ranking(ranked, len(documents))
