"""The request and the response of sentiment."""

from marshmallow import fields, validate

from app.backends.types import SENTIMENTS
from app.schemas.responses import StrictSchema
from app.schemas.texts import ExcerptResultSchema, TextsRequestSchema


class SentimentRequestSchema(TextsRequestSchema):
    """Texts to rate."""


class ScoresSchema(StrictSchema):
    """The probability of each label; the sum is 1."""

    positive = fields.Float(required=True)
    negative = fields.Float(required=True)
    neutral = fields.Float(required=True)


class SentimentResponseSchema(ExcerptResultSchema):
    """The sentiment of a text. `score` and `confidence` are both the probability of the label in `sentiment`."""

    text = fields.String(required=True)
    sentiment = fields.String(required=True, validate=validate.OneOf(SENTIMENTS))
    score = fields.Float(required=True, metadata={"description": "The probability of the label in `sentiment`."})
    confidence = fields.Float(required=True, metadata={"description": "The same as score."})
    scores = fields.Nested(ScoresSchema, required=True)
