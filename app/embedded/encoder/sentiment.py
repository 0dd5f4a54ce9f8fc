"""Sentiment: the probabilities of negative, neutral and positive."""

from collections.abc import Callable, Mapping
from typing import Any

from app.embedded.encoder.inputs import text_with_language
from app.embedded.encoder.models import Models


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that rates {"text": text, "language": ISO 639-1 code or null}."""
    from app.embedded.encoder.sentiment_heads import SentimentHeads

    heads = models.get(SentimentHeads)

    def run(item: Any, _options: Mapping[str, Any]) -> tuple[Any, int]:
        return heads.rate(*text_with_language(item))

    return run
