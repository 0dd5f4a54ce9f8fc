"""Embeddings: the vectors of texts."""

from collections.abc import Callable, Mapping
from typing import Any

from app.config.encoder_models import EMBEDDING_MODELS, ENGLISH, MULTILINGUAL
from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.models import Models


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that returns the vector of a text, of length 1, and its tokens."""
    from app.embedded.encoder.sentence_vectors import SentenceVectors

    vectors = models.get(SentenceVectors)
    encoders = {MULTILINGUAL: vectors.multilingual, ENGLISH: vectors.english}

    def run(text: Any, options: Mapping[str, Any]) -> tuple[Any, int]:
        if not isinstance(text, str):
            raise InvalidInput("Each input must be a text.")
        model = options.get("model", MULTILINGUAL)
        if model not in EMBEDDING_MODELS:
            raise InvalidInput(f"`model` must be one of {', '.join(EMBEDDING_MODELS)}.")
        return encoders[model](text)

    return run
