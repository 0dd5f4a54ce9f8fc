"""Reads embeddings, and gives them as OpenAI's API has them."""

import base64
from array import array
from collections.abc import Sequence
from typing import Any

from app.backends.base import UpstreamResponse
from app.backends.responses.normalize import decoded_json, normalize_payload, require_success
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.responses.usage import extract_usage
from app.errors import UpstreamInvalidResponse

Vector = list[float]

# a few hundred texts of a large model
MAX_VECTORS_BYTES = 32 * 1024**2


def count(given: Any) -> int:
    """Return how many texts an `input` of OpenAI's holds: one, a list of them, or the same in tokens."""
    return len(given) if isinstance(given, list) and not isinstance(given[0], int) else 1


def from_openai(answer: UpstreamResponse, texts: int, model: str | None, prompt: str, encoding: str) -> dict[str, Any]:
    """Return the answer of an OpenAI-compatible route that was asked for floats, in the encoding that our caller wants.

    `texts` is how many vectors there must be. Raises the error of an answer that is none.
    """
    require_success(answer)
    payload = decoded_json(answer)
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list) or len(data) != texts or not all(isinstance(entry, dict) for entry in data):
        normalize_payload(payload)  # which raises the error that it carries
        raise UpstreamInvalidResponse
    for position, entry in enumerate(data):
        vector = _numbers(entry.get("embedding"))
        index = entry.get("index")
        entry |= {"object": "embedding", "index": index if isinstance(index, int) else position}
        entry["embedding"] = _encoded(vector, encoding)
    usage, told = extract_usage(payload) or _usage(prompt), payload.get("model")
    return {**payload, "object": "list", "model": model or (told if isinstance(told, str) else ""), "usage": usage}


def from_pipeline(answer: UpstreamResponse, texts: int, model: str, prompt: str, encoding: str) -> dict[str, Any]:
    """Return the answer of an hf-inference pipeline: vectors, or a matrix for each text with a row for each token."""
    require_success(answer)
    found = decoded_json(answer)
    if isinstance(found, dict):
        found = found.get("embeddings")
    if not isinstance(found, list) or not found:
        raise UpstreamInvalidResponse
    if texts == 1 and isinstance(found[0], int | float):
        found = [found]
    if len(found) != texts:
        raise UpstreamInvalidResponse
    vectors = [_encoded(_pooled(entry), encoding) for entry in found]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": model, "usage": _usage(prompt)}


def _usage(prompt: str) -> dict[str, Any]:
    tokens = estimated_tokens(prompt)
    return {"prompt_tokens": tokens, "total_tokens": tokens, "estimated": True}


def _pooled(entry: Any, depth: int = 2) -> Vector:
    """Return one text's vector: models without a pooling layer give one for each token, and their mean counts."""
    if depth and isinstance(entry, list) and entry and isinstance(entry[0], list):
        rows = [_pooled(row, depth - 1) for row in entry]
        if len({len(row) for row in rows}) != 1:
            raise UpstreamInvalidResponse
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return _numbers(entry)


def _numbers(vector: Any) -> Vector:
    if not isinstance(vector, list) or not vector or not all(type(number) in (int, float) for number in vector):
        raise UpstreamInvalidResponse
    return vector


def _encoded(vector: Sequence[float], encoding: str) -> Any:
    """Return a vector as a list, or as OpenAI's base64 of 32-bit floats, little-endian."""
    if encoding == "float":
        return vector
    return base64.b64encode(array("f", vector).tobytes()).decode()
