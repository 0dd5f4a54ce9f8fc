"""The request and the response of language."""

from typing import Any

from marshmallow import fields, validate

from app.config import Config
from app.schemas.fields import StrictBoolean
from app.schemas.offsets import OffsetsRequestSchema, SpanSchema
from app.schemas.responses import StrictSchema
from app.schemas.texts import TextResultSchema
from app.texts.language_names import LANGUAGE_NAMES

_CODE: dict[str, Any] = {"validate": validate.OneOf([code for code in LANGUAGE_NAMES if "-" not in code])}
_CONFIDENCE: dict[str, Any] = {"validate": validate.Range(0, 1)}


class LanguageRequestSchema(OffsetsRequestSchema):
    """Texts whose language is unknown."""

    parts = StrictBoolean(
        load_default=False,
        metadata={"description": "Whether the parts of a text in several languages are listed."},
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        # no model is asked, and the language is the question
        for name in ("language", "model"):
            del self.fields[name], self.load_fields[name], self.dump_fields[name]


class LanguageCandidateSchema(StrictSchema):
    """A language that the text may be in."""

    language = fields.String(required=True, **_CODE, metadata={"description": "The code of ISO 639-1."})
    name = fields.String(required=True)
    confidence = fields.Float(required=True, **_CONFIDENCE)


class LanguagePartSchema(SpanSchema, LanguageCandidateSchema):
    """A part of the text in one language."""


class LanguageResultSchema(TextResultSchema):
    """The language of a text."""

    language = fields.String(
        required=True,
        allow_none=True,
        **_CODE,
        metadata={"description": "The code of ISO 639-1; null for a text without words, or if no language is likely."},
    )
    name = fields.String(required=True, allow_none=True, metadata={"description": "The English name of the language."})
    confidence = fields.Float(
        required=True,
        **_CONFIDENCE,
        metadata={"description": "The probability that the most likely language is right; 0 for a text without words."},
    )
    alternatives = fields.List(
        fields.Nested(LanguageCandidateSchema),
        required=True,
        metadata={"description": "The most likely languages beside `language`, the likeliest first."},
    )
    parts = fields.List(
        fields.Nested(LanguagePartSchema),
        metadata={"description": "With `parts`: the parts of the text by language, in order."},
    )
