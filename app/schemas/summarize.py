"""The request and the response of summarize."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.schemas.fields import MAX_TOKENS, Integer
from app.schemas.texts import ExcerptResultSchema, TextsRequestSchema

DEFAULT_MAX_LENGTH = 130
MIN_MAX_LENGTH = 5


class SummarizeRequestSchema(TextsRequestSchema):
    """Texts to summarize. Lengths are in tokens."""

    max_length = Integer(
        MIN_MAX_LENGTH,
        MAX_TOKENS,
        load_default=DEFAULT_MAX_LENGTH,
        metadata={"description": "The maximum length of the summary, in tokens."},
    )
    min_length = Integer(
        0,
        MAX_TOKENS,
        load_default=0,
        metadata={"description": "The minimum length of the summary, in tokens; at most max_length."},
    )

    @validates_schema(skip_on_field_errors=False)
    def _min_within_max(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("min_length", 0) > data.get("max_length", MAX_TOKENS):
            raise ValidationError("min_length must not exceed max_length.", "min_length")


class SummarizeResponseSchema(ExcerptResultSchema):
    """A summary. `compression` is rounded to four digits."""

    original_text = fields.String(required=True)
    summary = fields.String(required=True)
    compression = fields.Float(
        required=True, metadata={"description": "The length of the summary divided by that of the text, in characters."}
    )
