"""Embeddings: the vectors of texts."""

from collections.abc import Callable, Mapping
from typing import Any

from app.config.encoder_models import ENGLISH, MULTILINGUAL
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
        encode = encoders.get(options.get("model", MULTILINGUAL))
        if encode is None:
            raise InvalidInput(f"`model` must be one of {', '.join(encoders)}.")
        return encode(text)

    return run
