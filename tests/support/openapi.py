"""Reads the OpenAPI document as a client of the service would."""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

# fields that differ from call to call
VOLATILE = {"id", "version", "created", "generated_at", "processing_ms", "timestamp", "latency_ms"}
VOLATILE |= {"created_at", "item_id", "total_duration", "prompt_eval_duration", "eval_duration"}
# an engine rounds differently while it serves other requests
FLOAT_NOISE = 0.05
VOLATILE_COUNTS = {"requests_total", "requests_duration", "error_rate"}


def _pattern(_validator: Any, pattern: str, text: Any, _schema: Any) -> Iterator[ValidationError]:
    """Match like ECMA-262, where $ is the end of the text; in Python it also matches before a last line feed."""
    if isinstance(text, str) and not re.search(re.sub(r"\$(?=\)|$)", r"\\Z", pattern), text):
        yield ValidationError(f"{text!r} does not match {pattern!r}")


_Validator = validators.extend(Draft202012Validator, {"pattern": _pattern})


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return a validator of a schema within the document."""
    return _Validator({**schema, "components": document["components"]})


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the document; a reference is resolved."""
    if "$ref" not in part:
        return part
    found = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the method, the path and the operation of each route."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def examples(document: dict[str, Any], operation: dict[str, Any], status: str) -> Iterator[tuple[str, str, Any]]:
    """Yield name, media type and value of each example of a response."""
    response = resolved(document, operation["responses"][status])
    for media_type, content in response["content"].items():
        for name, example in content.get("examples", {}).items():
            yield name, media_type, example["value"]


def holds(actual: Any, example: Any) -> bool:
    """Return whether a response has all values of an example, except those that differ from call to call."""
    if isinstance(example, dict):
        names = set(example) - VOLATILE - VOLATILE_COUNTS
        if "results" in example and "errors" in example:
            names -= {"usage"}  # results from the cache add nothing
        return isinstance(actual, dict) and all(holds(actual.get(name), example[name]) for name in names)
    if isinstance(example, list):
        return isinstance(actual, list) and len(actual) == len(example) and all(map(holds, actual, example))
    if isinstance(example, float):
        return isinstance(actual, int | float) and abs(actual - example) < FLOAT_NOISE
    return actual == example
