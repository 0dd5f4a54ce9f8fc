"""Parses embeddings into the form of OpenAI's API."""

import base64
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from app.backends.responses.model_names import UNKNOWN_MODEL, upstream_name
from app.backends.responses.normalize import decode_json, normalize_payload, require_success
from app.backends.responses.pipelines import decode_pipeline
from app.backends.responses.usage import extract_usage, openai_usage, resolve_prompt_usage
from app.backends.types import OpenAIResult
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse

Vector = list[float]

# enough for a few hundred vectors of a large model
MAX_VECTORS_BYTES = 32 * 1024**2


def count_inputs(value: Any) -> int:
    """Return the number of texts in OpenAI's `input`: a text, a list of texts, or the same as token numbers."""
    return len(value) if isinstance(value, list) and not isinstance(value[0], int) else 1


def parse_openai(response: UpstreamResponse, count: int, model: str | None, prompt: str, encoding: str) -> OpenAIResult:
    """Return the response of an OpenAI-compatible route, which sent floats, in the encoding that the client wants.

    `count` is the number of vectors that there must be. Raises the ServiceError of an invalid response.
    """
    require_success(response)
    payload = decode_json(response)
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list) or len(data) != count or not all(isinstance(entry, dict) for entry in data):
        normalize_payload(payload)  # raises the error of an error payload
        raise UpstreamInvalidResponse
    for position, entry in enumerate(data):
        vector = _require_numbers(entry.get("embedding"))
        index = entry.get("index")
        entry |= {"object": "embedding", "index": index if isinstance(index, int) else position}
        entry["embedding"] = _encode(vector, encoding)
    return _result(payload, data, model or upstream_name(payload.get("model")) or UNKNOWN_MODEL, prompt)


def parse_pipeline(response: UpstreamResponse, count: int, model: str, prompt: str, encoding: str) -> OpenAIResult:
    """Return the response of an hf-inference pipeline: a vector per text, or a matrix with a row per token."""
    embedded = decode_pipeline(response)
    if isinstance(embedded, dict):
        embedded = embedded.get("embeddings")
    if not isinstance(embedded, list) or not embedded:
        raise UpstreamInvalidResponse
    if count == 1 and isinstance(embedded[0], int | float):
        embedded = [embedded]
    if len(embedded) != count:
        raise UpstreamInvalidResponse
    return _result({}, _entries(map(_pool, embedded), encoding), model, prompt)


def made_result(vectors: Iterable[Vector], tokens: int, model: str, encoding: str) -> OpenAIResult:
    """Return vectors in OpenAI's form; `tokens` is the number that the model has read."""
    return _result({"usage": {"prompt_tokens": tokens}}, _entries(vectors, encoding), model, "")


def _entries(vectors: Iterable[Vector], encoding: str) -> list[dict[str, Any]]:
    encoded = (_encode(vector, encoding) for vector in vectors)
    return [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(encoded)]


def _result(payload: dict[str, Any], data: list[dict[str, Any]], model: str, prompt: str) -> OpenAIResult:
    counts = extract_usage(payload) or {}
    usage = resolve_prompt_usage(counts, prompt)
    payload |= {"object": "list", "data": data, "model": model, "usage": openai_usage(counts, usage)}
    return OpenAIResult(payload, usage=usage, model=model)


def _pool(entry: Any, depth: int = 2) -> Vector:
    """Return the vector of one text; models without a pooling layer return one per token, which are averaged."""
    if depth and isinstance(entry, list) and entry and isinstance(entry[0], list):
        rows = [_pool(row, depth - 1) for row in entry]
        if len({len(row) for row in rows}) != 1:
            raise UpstreamInvalidResponse
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return _require_numbers(entry)


def _require_numbers(vector: Any) -> Vector:
    if not isinstance(vector, list) or not vector or not all(type(number) in (int, float) for number in vector):
        raise UpstreamInvalidResponse
    return vector


def _encode(vector: Sequence[float], encoding: str) -> Any:
    """Return a vector as a list, or as OpenAI's base64 of 32-bit floats, little-endian."""
    if encoding == "float":
        return vector
    return base64.b64encode(array("f", vector).tobytes()).decode()
