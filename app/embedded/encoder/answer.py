"""Answers from a text: the sentence that answers a question best, and the part of it that is of the kind asked for.

Nothing is written: an answer is a part of the text, or there is none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Any

from app.embedded.encoder.entities import EntityFinder
from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.models import Models
from app.texts.entities import Entity, combined
from app.texts.entity_rules import by_rules
from app.texts.questions import WORD, answering, is_about_reason, kinds_of_answer, numbers, reason
from app.texts.sentences import sentence_spans

# the sentences that the model reads, of those that have most rare words of the question
MAX_SENTENCES = 32
# A sentence with a part of the kind asked for, or without one; and the least score of an answer. Chosen on the cases
# of tests/data/quality/answer.jsonl, among 75 combinations.
OF_KIND, NOT_OF_KIND, MIN_SCORE = 2.0, -2.0, -2.0


@dataclass(frozen=True, slots=True)
class _Found:
    """A sentence with its score, and the part of it that answers the question, if one is of the kind asked for."""

    score: float
    start: int
    sentence: str
    part: tuple[int, int] | None


class Answerer:
    """Answers questions with the models that are installed."""

    def __init__(self, models: Models) -> None:
        from app.embedded.encoder.reranker import Reranker

        self._reranker = models.get(Reranker)
        self._finder = models.get(EntityFinder)

    def answer(self, question: str, text: str, language: str | None) -> tuple[dict[str, Any], int]:
        """Return `span` of the answer, or null, with `score` from 0 to 1, and the tokens of all sentences read.

        `truncated` says that the text has more sentences than were read.
        """
        scored = []
        tokens = 0
        spans = sentence_spans(text, language)
        for start, end in _candidates(question, text, spans):
            score, count = self._reranker.score(question, text[start:end])
            scored.append((score, start, text[start:end]))
            tokens += count
        best: _Found | None = None
        for score, start, sentence in sorted(scored, key=lambda one: -one[0]):
            if best is not None and score + OF_KIND <= best.score:
                break  # neither this sentence nor one after it can be better
            found, count = self._rate(question, _Found(score, start, sentence, None), language)
            tokens += count
            best = found if best is None or found.score > best.score else best
        truncated = {"truncated": True} if len(spans) > MAX_SENTENCES else {}
        return {**self._output(question, best, language), **truncated}, tokens

    def _output(self, question: str, best: _Found | None, language: str | None) -> dict[str, Any]:
        if best is None:
            return {"span": None, "score": 0.0}
        score = 1 / (1 + exp(MIN_SCORE - best.score))
        if best.score < MIN_SCORE:
            return {"span": None, "score": score}
        start, end = best.part or self._phrase(question, best.sentence, language)
        return {"span": [best.start + start, best.start + end], "score": score}

    def _rate(self, question: str, found: _Found, language: str | None) -> tuple[_Found, int]:
        """Return the sentence with the part of the kind asked for and a score for both, and the tokens read."""
        if kinds_of_answer(question):
            entities, tokens = self._entities(found.sentence, language)
            part = answering(question, found.sentence, entities)
            return replace(found, part=part, score=found.score + (OF_KIND if part else NOT_OF_KIND)), tokens
        part = reason(found.sentence) if is_about_reason(question) else None
        return replace(found, part=part, score=found.score + (OF_KIND if part else 0)), 0

    def _entities(self, sentence: str, language: str | None) -> tuple[list[Entity], int]:
        entities, _, tokens = self._finder.find(sentence, language)
        return combined(by_rules(sentence), entities, numbers(sentence)), tokens

    def _phrase(self, question: str, sentence: str, language: str | None) -> tuple[int, int]:
        """Return the first noun phrase that is new to the question, else the sentence."""
        english = self._finder.english() if language in ("en", None) else None
        if english is not None and not is_about_reason(question):
            known = {word.lower() for word in WORD.findall(question)}
            for start, end in english.noun_phrases(sentence):
                words = {word.lower() for word in WORD.findall(sentence[start:end])} - {"the", "a", "an"}
                if words and not words & known and not _is_time(sentence[start:end]):
                    return start, end
        return 0, len(sentence)


def _is_time(phrase: str) -> bool:
    return any(entity.type in ("date", "time") for entity in by_rules(phrase))


def _candidates(question: str, text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the sentences to read: all, or of a long text those with most of the question's words, rare ones first."""
    if len(spans) <= MAX_SENTENCES:
        return list(spans)
    words = [{word.lower() for word in WORD.findall(text[start:end])} for start, end in spans]
    asked = {word.lower() for word in WORD.findall(question)}
    weights = {word: 1 / (1 + sum(word in one for one in words)) for word in asked}
    rated = [sum(weights[word] for word in asked & one) for one in words]
    best = sorted(range(len(spans)), key=lambda index: -rated[index])[:MAX_SENTENCES]
    return [spans[index] for index in sorted(best)]


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that takes a text with the options `question` and `language`, and returns the answer."""
    answerer = models.get(Answerer)

    def run(text: Any, options: Mapping[str, Any]) -> tuple[Any, int]:
        question = options.get("question")
        if not isinstance(text, str) or not isinstance(question, str):
            raise InvalidInput("The question and each input must be texts.")
        return answerer.answer(question, text, options.get("language"))

    return run
