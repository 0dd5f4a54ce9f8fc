"""Similarities of texts to a query by the encoder."""

from collections.abc import Sequence

from app.backends.encoder.calls import EncoderCalls
from app.backends.plan import UpstreamRequest
from app.backends.responses.embeddings import Vector
from app.backends.responses.ranking import cosine_similarities
from app.config.encoder_models import MULTILINGUAL


def similarities_to(encoder: EncoderCalls, query: str, texts: Sequence[str]) -> UpstreamRequest[list[float]]:
    """Return the call for the cosine similarity of each text to a query, which may be in another language."""

    def parse(vectors: list[Vector], _tokens: list[int]) -> list[float]:
        return list(cosine_similarities(vectors[0], vectors[1:]))

    return encoder.call_all("embeddings", [query, *texts], {"model": MULTILINGUAL}, parse)
