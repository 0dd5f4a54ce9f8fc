"""The request and the response of sentiment."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.backends.types import MIXED, SENTIMENTS
from app.schemas.fields import NOT_BLANK
from app.schemas.offsets import OffsetsRequestSchema, SpanSchema
from app.schemas.responses import StrictSchema
from app.schemas.texts import ExcerptResultSchema

MAX_ASPECTS = 20
MAX_ASPECT_CHARS = 100
GRANULARITIES = ("document", "sentence")
_NAME = re.compile(NOT_BLANK)
_LABELS = (*SENTIMENTS, MIXED)


class Aspects(fields.Field[tuple[str, ...]]):
    """Names of aspects, as a list."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > MAX_ASPECTS or not all(map(_is_name, value)):
            raise ValidationError(
                f"This must be a list of at most {MAX_ASPECTS} names of 1 to {MAX_ASPECT_CHARS} characters."
            )
        return tuple(value)

    def json_schema(self) -> dict[str, Any]:
        item = {"type": "string", "pattern": NOT_BLANK, "maxLength": MAX_ASPECT_CHARS}
        return {"type": "array", "items": item, "maxItems": MAX_ASPECTS}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_ASPECT_CHARS and _NAME.search(value) is not None


class SentimentRequestSchema(OffsetsRequestSchema):
    """Texts to rate."""

    granularity = fields.String(
        load_default="document",
        validate=validate.OneOf(GRANULARITIES),
        metadata={"description": "`sentence` rates each sentence too, beside the text."},
    )
    aspects = Aspects(
        load_default=(),
        metadata={"description": "Aspects, such as `battery`: what the text says of each is looked for."},
    )


class ScoresSchema(StrictSchema):
    """The probability of each label; the sum is 1."""

    positive = fields.Float(required=True)
    negative = fields.Float(required=True)
    neutral = fields.Float(required=True)


class _RatedSchema(StrictSchema):
    """A label with its scores."""

    sentiment = fields.String(required=True, validate=validate.OneOf(SENTIMENTS))
    score = fields.Float(required=True, metadata={"description": "The probability of the label in `sentiment`."})
    scores = fields.Nested(ScoresSchema, required=True)


class SentenceSentimentSchema(_RatedSchema, SpanSchema):
    """A sentence of the text as it was sent, and its sentiment."""

    text = fields.String(required=True)
    plain_text = fields.String(metadata={"description": "The part without markup, if there is markup within it."})


class QuoteSchema(SpanSchema):
    """A part of the text as it was sent."""

    text = fields.String(required=True)
    plain_text = fields.String(metadata={"description": "The part without markup, if there is markup within it."})


class AspectSentimentSchema(StrictSchema):
    """The opinion of the text on an aspect. Without a mention `found` is false and the sentiment missing."""

    aspect = fields.String(required=True)
    found = fields.Boolean(required=True)
    sentiment = fields.String(validate=validate.OneOf(SENTIMENTS))
    score = fields.Float()
    scores = fields.Nested(ScoresSchema)
    mentions = fields.List(
        fields.Nested(QuoteSchema), required=True, metadata={"description": "The parts of the text about the aspect."}
    )
    opinions = fields.List(
        fields.Nested(QuoteSchema), required=True, metadata={"description": "The words of opinion in these parts."}
    )


class SentimentResponseSchema(ExcerptResultSchema):
    """The sentiment of a text. `score` and `confidence` are both the probability of the label in `sentiment`."""

    text = fields.String(required=True)
    sentiment = fields.String(
        required=True,
        validate=validate.OneOf(_LABELS),
        metadata={"description": "The most likely label, or `mixed` if the text clearly praises and clearly blames."},
    )
    score = fields.Float(
        required=True,
        metadata={
            "description": "The probability of the label in `sentiment`; for `mixed`, how clear the weaker side is."
        },
    )
    confidence = fields.Float(required=True, metadata={"description": "The same as score."})
    scores = fields.Nested(ScoresSchema, required=True)
    calibrated = fields.Boolean(metadata={"description": "Present if CALIBRATION_FILE has changed the scores."})
    model = fields.String(metadata={"description": "The model that rated the text, if it is known."})
    language = fields.String(allow_none=True, metadata={"description": "The language of the text (ISO 639-1)."})
    sentences = fields.List(
        fields.Nested(SentenceSentimentSchema), metadata={"description": "Present with granularity `sentence`."}
    )
    aspects = fields.List(
        fields.Nested(AspectSentimentSchema), metadata={"description": "Present if aspects were asked for."}
    )
