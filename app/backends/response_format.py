"""Translates the response formats of text-generation-inference's dialect into OpenAI's."""

from collections.abc import Mapping
from typing import Any

import orjson

# huggingface_hub and its documentation use each of them, with the JSON Schema in `value`
_JSON_TYPES = ("json", "json_object", "json_schema")
_DEFAULT_NAME = "response"


def openai_response_format(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a chat request's body with its `response_format` in OpenAI's form; other formats stay as they are."""
    given = body.get("response_format")
    if not isinstance(given, dict) or given.get("type") not in _JSON_TYPES:
        return body
    value = _parsed(given.get("value"))
    if value is None:
        return body
    # the type json_schema has a name beside the schema, as in OpenAI's form
    named = value if isinstance(value.get("schema"), dict) and "type" not in value else {"schema": value}
    return {**body, "response_format": {"type": "json_schema", "json_schema": {"name": _DEFAULT_NAME, **named}}}


def _parsed(value: Any) -> dict[str, Any] | None:
    """Return a JSON Schema, which may be encoded as a string; None for other values."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value if isinstance(value, dict) else None
