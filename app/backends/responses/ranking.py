"""Parses rankings: of Jina's and Cohere's shape, of text-embeddings-inference, and of similarity pipelines."""

import math
from collections.abc import Sequence
from operator import mul
from typing import Any

from app.backends.responses.embeddings import Vector
from app.backends.responses.model_names import UNKNOWN_MODEL, upstream_name
from app.backends.responses.optional_route import OtherRouteResponse, decode_optional
from app.backends.responses.pipelines import decode_pipeline
from app.backends.responses.token_estimate import estimated_tokens, pair_tokens
from app.backends.responses.usage import extract_usage, resolve_prompt_usage
from app.backends.types import Ranking, RerankRequest, Usage
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse

# names of the list of results, and of the score in it: Jina's and Cohere's, Voyage's, text-embeddings-inference's
_LIST_KEYS = ("results", "data")
_SCORE_KEYS = ("relevance_score", "score")


def parse_ranking(response: UpstreamResponse, request: RerankRequest, model: str | None) -> Ranking:
    """Return the scores of an upstream's rerank route, each in the place of its document.

    Raises OtherRouteResponse for a response without a list of results, and UpstreamInvalidResponse for a list that
    lacks a document, has one twice, or has a score that is no number.
    """
    payload = decode_optional(response)
    fields = payload if isinstance(payload, dict) else {}
    lists = [payload] if isinstance(payload, list) else [fields.get(key) for key in _LIST_KEYS]
    entries = next((entries for entries in lists if isinstance(entries, list)), None)
    if entries is None:
        raise OtherRouteResponse
    scores = dict(map(_indexed_score, entries))
    if len(entries) != len(request.documents) or set(scores) != set(range(len(entries))):
        raise UpstreamInvalidResponse
    name = model or upstream_name(fields.get("model")) or UNKNOWN_MODEL
    ordered = tuple(scores[index] for index in range(len(entries)))
    return Ranking(ordered, usage=_usage(fields, response, request), model=name)


def parse_similarities(response: UpstreamResponse, request: RerankRequest, model: str) -> Ranking:
    """Return the scores of a sentence-similarity pipeline: a list of numbers, which may be in an object."""
    scores = decode_pipeline(response)
    if isinstance(scores, dict):
        scores = scores.get("similarities")
    if not isinstance(scores, list) or len(scores) != len(request.documents):
        raise UpstreamInvalidResponse
    tokens = sum(map(estimated_tokens, (request.query, *request.documents)))
    return Ranking(tuple(map(_number, scores)), usage=Usage(tokens, None, estimated=True), model=model)


def cosine_similarities(query: Vector, vectors: Sequence[Vector]) -> list[float]:
    """Return the cosine of the angle between the query and each vector; 0 for a vector without a direction."""
    length = math.hypot(*query)
    return [_cosine(query, length, vector) for vector in vectors]


def _cosine(query: Vector, length: float, vector: Vector) -> float:
    if len(vector) != len(query):
        raise UpstreamInvalidResponse
    product = length * math.hypot(*vector)
    return _number(sum(map(mul, query, vector)) / product) if product else 0.0


def _indexed_score(entry: Any) -> tuple[int, float]:
    if not isinstance(entry, dict) or type(index := entry.get("index")) is not int:
        raise UpstreamInvalidResponse
    return index, _number(next((entry[key] for key in _SCORE_KEYS if key in entry), None))


def _number(value: Any) -> float:
    """Return a finite number; text-embeddings-inference refuses to send others, other servers send them."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise UpstreamInvalidResponse
    return float(value)


def _usage(payload: dict[str, Any], response: UpstreamResponse, request: RerankRequest) -> Usage:
    """Return the tokens that the model has read. A model for pairs reads the query with each document."""
    counts = dict(extract_usage(payload) or {})
    header = response.headers.get("x-compute-tokens", "")
    if header.isdecimal():
        counts.setdefault("prompt_tokens", int(header))
    usage = resolve_prompt_usage(counts, "")
    if usage.prompt_tokens:
        return usage
    return Usage(pair_tokens(request.query, request.documents), None, estimated=True)
