"""Sentiment by a linear head on the vectors of a text; `scripts/train_sentiment.py` trains the heads.

English is read by bge-small-en-v1.5 and other languages by the multilingual encoder. A text of unknown language gets
the mean of both.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.embedded.encoder.emoji import spell_emoji
from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.models import Models
from app.embedded.encoder.sentence_vectors import SentenceVectors

HEADS = Path(__file__).with_name("sentiment_heads.json")
# the order of the rows of a head
LABELS = ("negative", "neutral", "positive")

Probabilities = np.ndarray[Any, np.dtype[np.float64]]


class Head:
    """A multinomial logistic regression; `scale` is the inverse temperature that calibrates it."""

    def __init__(self, weights: list[list[float]], biases: list[float], scale: float) -> None:
        self._weights = scale * np.array(weights)
        self._biases = scale * np.array(biases)

    def __call__(self, vector: np.ndarray[Any, Any]) -> Probabilities:
        """Return the probability of each of LABELS."""
        logits = self._weights @ vector + self._biases
        odds = np.exp(logits - logits.max())
        probabilities: Probabilities = odds / odds.sum()
        return probabilities


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that rates {"text": text, "language": code or null}: a probability for each of LABELS."""
    vectors = models.get(SentenceVectors)
    heads = {name: Head(**head) for name, head in json.loads(HEADS.read_bytes())["heads"].items()}
    raters = {
        "english": lambda text: _rate(heads["english"], *vectors.english(text)),
        "multilingual": lambda text: _rate(heads["multilingual"], *vectors.multilingual(text)),
    }

    def run(item: Any, _options: Mapping[str, Any]) -> tuple[Any, int]:
        text, language = _parse(item)
        spelled = spell_emoji(text)
        names = [name for name in raters if language is None or (name == "english") is (language == "en")]
        rated = [raters[name](spelled) for name in names]
        mean = np.mean([probabilities for probabilities, _ in rated], axis=0)
        return dict(zip(LABELS, mean.tolist(), strict=True)), sum(tokens for _, tokens in rated)

    return run


def _rate(head: Head, vector: np.ndarray[Any, Any], tokens: int) -> tuple[Probabilities, int]:
    return head(vector), tokens


def _parse(item: Any) -> tuple[str, str | None]:
    text, language = (item.get("text"), item.get("language")) if isinstance(item, dict) else (None, None)
    if not isinstance(text, str) or not isinstance(language, str | None):
        raise InvalidInput("Each input must have a text, and its language or null.")
    return text, language
