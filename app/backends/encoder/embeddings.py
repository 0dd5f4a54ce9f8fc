"""Embeddings by the encoder."""

from functools import partial

from app.backends.encoder.calls import EncoderCalls
from app.backends.plan import Plan
from app.backends.responses.embeddings import Vector, made_result
from app.backends.types import OpenAIRequest, OpenAIResult
from app.errors import UpstreamRejected


def embed(encoder: EncoderCalls, request: OpenAIRequest, model: str) -> Plan[OpenAIResult]:
    """Return the vectors of a request, all of length 1, by a model of EMBEDDING_MODELS; raise UpstreamRejected."""
    given = request.body["input"]
    texts = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(text, str) for text in texts):
        raise UpstreamRejected("The embedded engine embeds texts only, and no tokens; send the texts.")
    if request.body.get("dimensions"):
        raise UpstreamRejected(
            "The vectors of the embedded engine have one length, and cut ones are of little use; leave dimensions out."
        )
    make = partial(_result, model=model, encoding=request.body.get("encoding_format") or "float")
    return (yield encoder.call_all("embeddings", texts, {"model": model}, make))


def _result(vectors: list[Vector], tokens: list[int], *, model: str, encoding: str) -> OpenAIResult:
    return made_result(vectors, sum(tokens), model, encoding)
