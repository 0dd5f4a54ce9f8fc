"""The request and the response of summarize."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from app.backends.tasks.summaries.extractive import MAX_SENTENCES
from app.backends.types import LONG_TEXTS, MAP_REDUCE, SUMMARY_STYLES
from app.schemas.fields import MAX_TOKENS, Integer, PromptText
from app.schemas.texts import ExcerptResultSchema, TextsRequestSchema

DEFAULT_MAX_LENGTH = 130
MIN_MAX_LENGTH = 5
# each model reads so many
MIN_READ_TOKENS = 450
# above the length of nearly every sentence
TOKENS_PER_SENTENCE = 100


class SummarizeRequestSchema(TextsRequestSchema):
    """Texts to summarize. Lengths are in tokens, or in sentences."""

    max_length = Integer(
        MIN_MAX_LENGTH,
        MAX_TOKENS,
        load_default=DEFAULT_MAX_LENGTH,
        metadata={
            "description": "The maximum length of the summary, in tokens; with `length`, the default is 100 for "
            "each sentence."
        },
    )
    min_length = Integer(
        0,
        MAX_TOKENS,
        load_default=0,
        metadata={"description": "The minimum length of the summary, in tokens; at most max_length."},
    )
    length = Integer(
        1,
        MAX_SENTENCES,
        metadata={"description": "The length of the summary in sentences, or in items with the style bullets."},
    )
    style = fields.String(
        validate=validate.OneOf(SUMMARY_STYLES),
        metadata={
            "description": "Sentences of the text (`extractive`), sentences of the model (`abstractive`), or a list "
            "(`bullets`). The default is abstractive; on the embedded engine extractive."
        },
    )
    focus = PromptText(metadata={"description": "A topic or a question; the summary says what the text says of it."})
    long = fields.String(
        load_default=MAP_REDUCE,
        validate=validate.OneOf(LONG_TEXTS),
        metadata={
            "description": "What is done with a text that is longer than the model reads: a summary of the summaries "
            "of all its parts (`map_reduce`), a summary of its beginning (`truncate`), or an error (`reject`)."
        },
    )

    @validates_schema(skip_on_field_errors=False)
    def _min_within_max(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("min_length", 0) > data.get("max_length", MAX_TOKENS):
            raise ValidationError("min_length must not exceed max_length.", "min_length")

    @post_load(pass_original=True)
    def _fit_tokens_to_sentences(self, data: dict[str, Any], original: Any, **_: Any) -> dict[str, Any]:
        if "length" in data and "max_length" not in original:
            data["max_length"] = max(data["min_length"], TOKENS_PER_SENTENCE * data["length"])
        return data

    def needed_tokens(self, body: dict[str, Any], tokens: int, count: int) -> int:
        """Add the summaries of the parts of long texts, which together are shorter than the texts."""
        has_parts = body["long"] == MAP_REDUCE and tokens > MIN_READ_TOKENS
        return super().needed_tokens(body, tokens, count) * (2 if has_parts else 1)


class SummarizeResponseSchema(ExcerptResultSchema):
    """A summary. `compression` is rounded to four digits."""

    original_text = fields.String(required=True)
    summary = fields.String(required=True)
    compression = fields.Float(
        required=True, metadata={"description": "The length of the summary divided by that of the text, in characters."}
    )
    style = fields.String(required=True, validate=validate.OneOf(SUMMARY_STYLES))
    items = fields.List(
        fields.String(), metadata={"description": "The lines of the summary without their marks; with `bullets` only."}
    )
    chunks = fields.Integer(
        required=True, metadata={"description": "In how many parts the model has read the text; 1 if at once."}
    )
    characters_read = fields.Integer(
        metadata={"description": "With `truncated`: how many characters of the text the model has read."}
    )
    model = fields.String(
        required=True, allow_none=True, metadata={"description": "The model that wrote; null for extractive summaries."}
    )
