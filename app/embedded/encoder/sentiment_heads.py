"""Linear heads that read the sentiment of a text from its vector; `scripts/train_sentiment.py` trains them.

English is read by bge-small-en-v1.5 and other languages by the multilingual encoder. A text of unknown language gets
the mean of both, and a Hindi text the mean of the multilingual head and of its words.
"""

import json
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.embedded.encoder.emoji import spell_emoji
from app.embedded.encoder.hindi import rate_hindi
from app.embedded.encoder.sentence_vectors import SentenceVectors

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models

HEADS = Path(__file__).with_name("sentiment_heads.json")
# the order of the rows of a head
LABELS = ("negative", "neutral", "positive")

Array = np.ndarray[Any, np.dtype[np.float64]]


class Head:
    """A multinomial logistic regression; `scale` is the inverse temperature that calibrates it."""

    def __init__(self, weights: list[list[float]], biases: list[float], scale: float) -> None:
        self._weights = scale * np.array(weights)
        self._biases = scale * np.array(biases)

    def __call__(self, vector: np.ndarray[Any, Any]) -> Array:
        """Return the probability of each of LABELS."""
        logits = self._weights @ vector + self._biases
        odds = np.exp(logits - logits.max())
        probabilities: Array = odds / odds.sum()
        return probabilities


class SentimentHeads:
    """The heads with their encoders."""

    def __init__(self, models: "Models") -> None:
        vectors = models.get(SentenceVectors)
        heads = json.loads(HEADS.read_bytes())["heads"]
        self._english = (vectors.english, Head(**heads["english"]))
        self._multilingual = (vectors.multilingual, Head(**heads["multilingual"]))

    def rate(self, text: str, language: str | None) -> tuple[dict[str, float], int]:
        """Return the probability of each of LABELS, and the tokens read."""
        spelled, scores, tokens = spell_emoji(text), [], 0
        for encode, head in self._heads(language):
            vector, count = encode(spelled)
            scores.append(head(vector))
            tokens += count
        if language == "hi":
            scores.append(np.array(itemgetter(*LABELS)(rate_hindi(text))))
        return dict(zip(LABELS, np.mean(scores, axis=0).tolist(), strict=True)), tokens

    def _heads(self, language: str | None) -> tuple[Any, ...]:
        if language is None:
            return (self._english, self._multilingual)
        return (self._english if language == "en" else self._multilingual,)
