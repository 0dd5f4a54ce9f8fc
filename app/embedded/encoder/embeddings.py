"""Embeddings: the vectors of texts, of length 1."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.config.encoder_models import EMBEDDING_MODELS, ENGLISH, MULTILINGUAL
from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.groups import Grouped, Options, Output, split_by_length
from app.embedded.encoder.models import Models

# two or three short texts; larger groups are faster, and single calls wait for them
GROUP_CHARS = 250


def load(models: Models) -> Grouped:
    """Return the operation; its option `model` is one of EMBEDDING_MODELS."""
    from app.embedded.encoder.sentence_vectors import SentenceVectors

    vectors = models.get(SentenceVectors)

    def run(texts: list[Any], options: Options) -> list[Output]:
        if not all(isinstance(text, str) for text in texts):
            raise InvalidInput("Each input must be a text.")
        if _model(options) == ENGLISH:
            return [vectors.english(text) for text in texts]
        return vectors.multilingual_all(texts)

    return Grouped(_split, run)


def _split(texts: Sequence[Any], options: Options) -> Iterator[list[Any]]:
    # the vectors of the English model would depend on the group
    return split_by_length(texts, 0 if _model(options) == ENGLISH else GROUP_CHARS)


def _model(options: Options) -> str:
    model: str = options.get("model", MULTILINGUAL)
    if model not in EMBEDDING_MODELS:
        raise InvalidInput(f"`model` must be one of {', '.join(EMBEDDING_MODELS)}.")
    return model
