"""Embeddings by the encoder."""

from app.backends.encoder.calls import EncoderCalls
from app.backends.plan import Plan
from app.backends.responses.embeddings import Vector, made_result
from app.backends.tasks.batches import Batches
from app.backends.types import OpenAIRequest, OpenAIResult
from app.errors import UpstreamRejected


def embed(encoder: EncoderCalls, batches: Batches, request: OpenAIRequest, model: str) -> Plan[OpenAIResult]:
    """Return the vectors of a request, all of length 1, by a model of EMBEDDING_MODELS; raise UpstreamRejected.

    A long list becomes several calls: the worker does nothing else while it reads a response.
    """
    given = request.body["input"]
    texts = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(text, str) for text in texts):
        raise UpstreamRejected("The embedded engine embeds texts only, and no tokens; send the texts.")
    if request.body.get("dimensions"):
        raise UpstreamRejected(
            "The vectors of the embedded engine have one length, and cut ones are of little use; leave dimensions out."
        )

    def ask(batch: list[str]) -> Plan[tuple[list[Vector], int]]:
        return (yield encoder.call_all("embeddings", batch, {"model": model}, _vectors_and_tokens))

    parts = yield from batches.send("encoder/embeddings", texts, ask)
    vectors = [vector for part, _ in parts for vector in part]
    tokens = sum(count for _, count in parts)
    return made_result(vectors, tokens, model, request.body.get("encoding_format") or "float")


def _vectors_and_tokens(vectors: list[Vector], tokens: list[int]) -> tuple[list[Vector], int]:
    return vectors, sum(tokens)
