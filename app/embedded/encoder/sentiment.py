"""Sentiment: the probabilities of negative, neutral and positive."""

from collections.abc import Callable, Mapping
from typing import Any

from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.models import Models


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that rates {"text": text, "language": ISO 639-1 code or null}."""
    from app.embedded.encoder.sentiment_heads import SentimentHeads

    heads = models.get(SentimentHeads)

    def run(item: Any, _options: Mapping[str, Any]) -> tuple[Any, int]:
        text, language = (item.get("text"), item.get("language")) if isinstance(item, dict) else (None, None)
        if not isinstance(text, str) or not isinstance(language, str | None):
            raise InvalidInput("Each input must have a text, and its language or null.")
        return heads.rate(text, language)

    return run
