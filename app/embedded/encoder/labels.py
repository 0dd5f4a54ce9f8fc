"""How well labels fit a text, by the cosine of their vectors; no label was seen before.

English is read by bge-small-en-v1.5 and other languages by the multilingual encoder. A text of unknown language gets
the mean of both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from cachetools import LRUCache

from app.embedded.encoder.sentence_vectors import SentenceVectors

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models

Vector = np.ndarray[Any, np.dtype[np.float32]]
Encode = Callable[[str], tuple[Vector, int]]

# 512 numbers each, so 8 MB at most for both models
MAX_CACHED_LABELS = 2000
# of the forms that were tried the best for both models: bare labels, sentences about them
TEMPLATE = "topic: {}"


@dataclass(frozen=True)
class LabelModel:
    """An encoder whose cosines are calibrated.

    `scale` turns cosines into logits. With several labels a label of the cosine `middle` is as probable as not.
    """

    encode: Encode
    scale: float
    middle: float
    vectors: LRUCache[str, Vector] = field(default_factory=lambda: LRUCache(MAX_CACHED_LABELS))

    def rate(self, text: str, labels: Sequence[str], multi_label: bool) -> tuple[Vector, int]:
        """Return the probability of each label, and the tokens of the text."""
        vector, tokens = self.encode(text)
        logits = self.scale * (np.array([self._vector(label) for label in labels]) @ vector - self.middle)
        if multi_label:
            return 1 / (1 + np.exp(-logits)), tokens
        odds = np.exp(logits - logits.max())
        return odds / odds.sum(), tokens

    def _vector(self, label: str) -> Vector:
        if label not in self.vectors:
            self.vectors[label] = self.encode(TEMPLATE.format(label))[0]
        return self.vectors[label]


class LabelScorer:
    """Both models."""

    def __init__(self, models: "Models") -> None:
        vectors = models.get(SentenceVectors)
        # fitted on half of the texts of tests/data/quality/classify.jsonl
        self._english = LabelModel(vectors.english, scale=40, middle=0.575)
        self._multilingual = LabelModel(vectors.multilingual, scale=40, middle=0.06)

    def rate(
        self, text: str, language: str | None, labels: Sequence[str], multi_label: bool
    ) -> tuple[list[float], int]:
        """Return the probability of each label, and the tokens of the text."""
        rated = [model.rate(text, labels, multi_label) for model in self._models(language)]
        scores = np.mean([probabilities for probabilities, _ in rated], axis=0)
        return scores.tolist(), sum(tokens for _, tokens in rated)

    def _models(self, language: str | None) -> Sequence[LabelModel]:
        if language is None:
            return (self._english, self._multilingual)
        return (self._english if language == "en" else self._multilingual,)
