"""Parses the labels of classifiers."""

import math
from operator import itemgetter
from typing import Any

from app.backends.responses.optional_route import OtherRouteResponse, decode_optional
from app.backends.responses.pipelines import decode_pipeline
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.types import Classification, ClassifyRequest, Usage
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse


def parse_predictions(response: UpstreamResponse, request: ClassifyRequest, model: str | None) -> Classification:
    """Return the labels of the predict route of text-embeddings-inference; its header counts the tokens."""
    payload = decode_optional(response)
    if not isinstance(payload, list):
        raise OtherRouteResponse
    header = response.headers.get("x-compute-tokens", "")
    tokens = int(header) if header.isdecimal() else 0
    return _classification(payload, request, model or "", Usage(tokens, None) if tokens else None)


def parse_text_classification(response: UpstreamResponse, request: ClassifyRequest, model: str) -> Classification:
    """Return the labels of a text-classification pipeline, which may be nested in one more list."""
    payload = decode_pipeline(response)
    return _classification(payload[0] if isinstance(payload, list) and len(payload) == 1 else payload, request, model)


def _classification(payload: Any, request: ClassifyRequest, model: str, usage: Usage | None = None) -> Classification:
    entries = [payload] if isinstance(payload, dict) else payload
    if not isinstance(entries, list) or not entries or not all(map(_is_label, entries)):
        raise UpstreamInvalidResponse
    labels = sorted([(entry["label"], float(entry["score"])) for entry in entries], key=itemgetter(1), reverse=True)
    tokens = sum(map(estimated_tokens, request.texts))
    return Classification(labels, usage=usage or Usage(tokens, None, estimated=True), model=model)


def _is_label(entry: Any) -> bool:
    """Return whether a value is a label with a finite score, which raw scores are too."""
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        return False
    score: Any = entry.get("score")
    return type(score) in (int, float) and math.isfinite(score)
