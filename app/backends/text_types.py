"""Requests and results of the text operations, as backends take and return them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.backends.types import Result
from app.texts.entities import Entity as Entity


@dataclass(frozen=True)
class SentimentRequest:
    """A text to rate; `language` is its ISO 639-1 code, None if unknown.

    With `by_sentence` each sentence is rated too, and `aspects` are the names of aspects that are looked for.
    """

    text: str
    language: str | None = None
    by_sentence: bool = False
    aspects: Sequence[str] = ()

    @property
    def has_parts(self) -> bool:
        """Whether more than the whole text is to be rated."""
        return self.by_sentence or bool(self.aspects)


@dataclass(frozen=True)
class Label:
    """A label of the caller's; `description` says what belongs to it, "" if the name says it."""

    name: str
    description: str = ""

    @property
    def phrase(self) -> str:
        """The name, with the description if there is one."""
        return f"{self.name}: {self.description}" if self.description else self.name


@dataclass(frozen=True)
class LabelsRequest:
    """A text, and the labels that it may have: exactly one of them, or with `multi_label` any number."""

    text: str
    labels: Sequence[Label]
    multi_label: bool = False
    language: str | None = None


@dataclass(frozen=True)
class LabelScores(Result):
    """The score of each label, by its name: they sum to 1, or with `multi_label` each is a probability of its own.

    `source` says how the scores were made. `truncated` if the model read a part of the text only.
    """

    scores: Mapping[str, float]
    source: str
    truncated: bool = False


@dataclass(frozen=True)
class EntitiesRequest:
    """A text whose entities of the given types are looked for."""

    text: str
    types: Sequence[str]
    language: str | None = None


@dataclass(frozen=True)
class Entities(Result):
    """The entities of a text in its order. `source` says what found them; `truncated` as for LabelScores."""

    entities: Sequence[Entity]
    source: str
    truncated: bool = False


@dataclass(frozen=True)
class KeywordsRequest:
    """A text, and the number of its keywords at most."""

    text: str
    max_keywords: int
    language: str | None = None


@dataclass(frozen=True)
class Keywords(Result):
    """Keywords that occur in the text, each with a score from 0 to 1, the highest first."""

    keywords: Sequence[tuple[str, float]]
    source: str
    truncated: bool = False


@dataclass(frozen=True)
class TranslateRequest:
    """A text to translate; languages are ISO 639-1 codes, and `source` is None if unknown."""

    text: str
    target: str
    source: str | None = None


@dataclass(frozen=True)
class Translation(Result):
    """A translation of the complete text; `chunks` is the number of its parts that were translated one by one."""

    text: str
    chunks: int = 1


@dataclass(frozen=True)
class AnswerRequest:
    """A question about a text."""

    question: str
    text: str
    language: str | None = None


@dataclass(frozen=True)
class Answer(Result):
    """The part of the text that answers the question, in code points; None if the text has no answer."""

    span: tuple[int, int] | None
    score: float | None
    source: str
    text: str | None = None
    truncated: bool = False


@dataclass(frozen=True)
class ExtractRequest:
    """A text, and the JSON Schema of the data that it holds."""

    text: str
    schema: Mapping[str, Any]
    instruction: str = ""


@dataclass(frozen=True)
class Extraction(Result):
    """Data that is valid under the schema; `repaired` if the model needed a second attempt."""

    data: Any
    repaired: bool = False
