"""Request and answer of summarize."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.schemas.fields import MAX_TOKENS, Integer, Model, RequestSchema, Text

DEFAULT_MAX_LENGTH = 130
SHORTEST_MAX_LENGTH = 5


class SummarizeRequestSchema(RequestSchema):
    """A text to summarize; lengths in tokens."""

    text = Text(required=True)
    max_length = Integer(SHORTEST_MAX_LENGTH, MAX_TOKENS, load_default=DEFAULT_MAX_LENGTH)
    min_length = Integer(0, MAX_TOKENS, load_default=0)
    model = Model()

    @validates_schema(skip_on_field_errors=False)
    def _min_within_max(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("min_length", 0) > data.get("max_length", MAX_TOKENS):
            raise ValidationError("min_length may not be greater than max_length.", "min_length")


class SummarizeResponseSchema(Schema):
    """A summary; `compression` is its length in characters over that of the text, rounded to four digits."""

    original_text = fields.String()
    summary = fields.String()
    compression = fields.Float()
