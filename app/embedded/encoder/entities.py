"""Entities: names and more in English texts by spaCy's pipeline, names of persons and places in others by Rampart."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from app.embedded.encoder.errors import InvalidInput, ModelFileMissing
from app.embedded.encoder.models import Models
from app.texts.entities import Entity, combined

SPACY, NAME_MODEL = "spacy", "name_model"
_LABELS = {"GIVEN_NAME": "person", "SURNAME": "person", "CITY": "place", "STATE": "place"}
# Rampart corrects spaCy, which takes unknown towns for organizations, from this probability on
SURE = 0.8
MIN_SCORE = 0.3
_NAMES = ("person", "organization", "place")
_ARTICLE = re.compile(r"(?:the|an?)\s+", re.IGNORECASE)
_PREPOSITION = re.compile(r"\s+(?:of|in|at|for|from|to|and|on|with)\Z")
_TITLE = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|Frau|Herr|Mme|M|Sr|Sra)\.? \Z")
# words that a name does not end with
_TAIL = re.compile(r"(?:\s+[^\W\d_A-ZÀ-ÖØ-Þ]\w*)+\Z")


class EntityFinder:
    """Finds entities with the models that are installed; each is loaded at its first use."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def find(self, text: str, language: str | None) -> tuple[list[Entity], str, int]:
        """Return the entities of a text, their source, and the tokens of the text."""
        english = self.english() if language in ("en", None) else None
        if english is None:
            names, tokens = self._names(text)
            return _by_names(text, names), NAME_MODEL, tokens
        found, count = english.entities(text)
        names, tokens = self._names(text)
        sure = [name for name in names if _is_sure(text, name)]
        types = {(name.start, name.end): name.type for name in sure}
        corrected = [_corrected(_without_ends(text, entity), types) for entity in found]
        # what spaCy has overlooked
        return [_with_title(text, entity) for entity in combined(corrected, sure)], SPACY, tokens + count

    def english(self) -> Any:
        """Return the pipeline for English, None if it is not installed."""
        try:
            from app.embedded.encoder.english import English

            return self._models.get(English)
        except (ImportError, ModelFileMissing):
            return None

    def _names(self, text: str) -> tuple[list[Entity], int]:
        """Return names of persons and places; given names and surnames side by side are one person."""
        from app.embedded.encoder.rampart import Rampart

        names, tokens = self._models.get(Rampart).find(text)
        entities = [
            Entity(_LABELS[name.label], name.start, name.end, name.score) for name in names if name.label in _LABELS
        ]
        return list(_joined(text, entities)), tokens


def _joined(text: str, entities: Iterable[Entity]) -> list[Entity]:
    joined: list[Entity] = []
    for entity in entities:
        last = joined[-1] if joined else None
        if last and last.type == entity.type and text[last.end : entity.start] in ("", " ", "-"):
            joined[-1] = replace(last, end=entity.end, score=max(last.score or 0, entity.score or 0))
        else:
            joined.append(entity)
    return joined


def _by_names(text: str, names: Iterable[Entity]) -> list[Entity]:
    likely = (name for name in names if (name.score or 0) >= MIN_SCORE)
    return [_with_title(text, _without_tail(text, name)) for name in likely]


def _without_tail(text: str, entity: Entity) -> Entity:
    match = _TAIL.search(text[entity.start : entity.end])
    return replace(entity, end=entity.start + match.start()) if match and match.start() else entity


def _without_ends(text: str, entity: Entity) -> Entity:
    """Return a name without an article before it and a preposition behind it."""
    if entity.type not in _NAMES:
        return entity
    part = text[entity.start : entity.end]
    article, preposition = _ARTICLE.match(part), _PREPOSITION.search(part)
    start = article.end() if article else 0
    end = preposition.start() if preposition else len(part)
    return replace(entity, start=entity.start + start, end=entity.start + end) if start < end else entity


def _is_sure(text: str, name: Entity) -> bool:
    """Return whether a finding of Rampart corrects spaCy: a likely town, or a likely person of two names or more."""
    return (name.score or 0) >= SURE and (name.type == "place" or " " in text[name.start : name.end])


def _corrected(entity: Entity, sure: Mapping[tuple[int, int], str]) -> Entity:
    if entity.type not in _NAMES:
        return entity
    return replace(entity, type=sure.get((entity.start, entity.end), entity.type))


def _with_title(text: str, entity: Entity) -> Entity:
    match = _TITLE.search(text, max(0, entity.start - 6), entity.start) if entity.type == "person" else None
    return replace(entity, start=match.start()) if match else entity


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that takes a text and its `language`; entities are lists of type, start, end and score."""
    finder = models.get(EntityFinder)

    def run(text: Any, options: Mapping[str, Any]) -> tuple[Any, int]:
        if not isinstance(text, str):
            raise InvalidInput("Each input must be a text.")
        found, source, tokens = finder.find(text, options.get("language"))
        listed = [[one.type, one.start, one.end, one.score] for one in combined(found)]
        return {"entities": listed, "source": source}, tokens

    return run
