"""The texts of requests that compare a query with many of them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from marshmallow import ValidationError, fields

from app.schemas.fields import MAX_ERRORS, NOT_BLANK

# Cohere's limit: https://docs.cohere.com/docs/reranking-best-practices
MAX_DOCUMENTS = 10_000

_TEXT = {"type": "string", "pattern": NOT_BLANK}


class RankedTexts(fields.Field[list[str]]):
    """A list of up to `max_items` texts, none of them blank."""

    max_items = MAX_DOCUMENTS

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        reason = "it must be a text that is not blank, without NUL characters."
        return _valid_items(value, is_text, reason, self.max_items)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "maxItems": self.max_items, "items": _TEXT}


class Documents(fields.Field[list[Any]]):
    """A list of documents: texts, or objects with texts in their fields."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        reason = "it must be a text that is not blank, without NUL characters, or an object with such a text."
        return _valid_items(value, _is_document, reason)

    def json_schema(self) -> dict[str, Any]:
        # an object with at least one text
        item = {"type": "object", "not": {"additionalProperties": {"not": _TEXT}}}
        return {"type": "array", "minItems": 1, "maxItems": MAX_DOCUMENTS, "items": {"anyOf": [_TEXT, item]}}


def document_text(document: Any, rank_fields: list[str]) -> str:
    """Return the text of a document to be ranked.

    An object's text is that of `rank_fields`, else of its field `text`, else of all its fields with their names.
    """
    if isinstance(document, str):
        return document
    texts = {name: value for name, value in document.items() if is_text(value)}
    chosen = [texts[name] for name in rank_fields if name in texts] or [
        texts[name] for name in ("text",) if name in texts
    ]
    return "\n".join(chosen or [f"{name}: {value}" for name, value in texts.items()])


def _valid_items(value: Any, is_valid: Any, reason: str, max_items: int = MAX_DOCUMENTS) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= max_items:
        raise ValidationError(f"This must be a list of 1 to {max_items} items.")
    errors: Iterator[str] = (f"Item {index}: {reason}" for index, item in enumerate(value) if not is_valid(item))
    if found := list(islice(errors, MAX_ERRORS)):
        raise ValidationError(found)
    return value


def is_text(value: Any) -> bool:
    """Return whether a value is a text that is not blank, without NUL characters."""
    return isinstance(value, str) and bool(value.strip()) and "\x00" not in value


def _is_document(value: Any) -> bool:
    return any(map(is_text, value.values())) if isinstance(value, dict) else is_text(value)
