"""Request and answer of summarize."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.schemas.fields import MAX_TOKENS, Integer, Model, PromptText, RequestSchema
from app.schemas.responses import OperationSchema

DEFAULT_MAX_LENGTH = 130
SHORTEST_MAX_LENGTH = 5


class SummarizeRequestSchema(RequestSchema):
    """A text to summarize; lengths in tokens."""

    text = PromptText(required=True, metadata={"description": "The text to summarize; not blank."})
    max_length = Integer(
        SHORTEST_MAX_LENGTH,
        MAX_TOKENS,
        load_default=DEFAULT_MAX_LENGTH,
        metadata={"description": "The longest summary, in tokens."},
    )
    min_length = Integer(
        0,
        MAX_TOKENS,
        load_default=0,
        metadata={"description": "The shortest summary, in tokens; not greater than max_length."},
    )
    model = Model(metadata={"description": "Which model is to summarize; without it, the default."})

    @validates_schema(skip_on_field_errors=False)
    def _min_within_max(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("min_length", 0) > data.get("max_length", MAX_TOKENS):
            raise ValidationError("min_length may not be greater than max_length.", "min_length")


class SummarizeResponseSchema(OperationSchema):
    """A summary; `compression` is its length in characters over that of the text, rounded to four digits."""

    original_text = fields.String(required=True)
    summary = fields.String(required=True)
    compression = fields.Float(required=True, metadata={"description": "Characters of the summary over the text's."})
