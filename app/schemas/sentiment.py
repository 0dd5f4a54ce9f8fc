"""Request and answer of sentiment."""

from marshmallow import fields, validate

from app.backends.types import SENTIMENTS
from app.schemas.fields import Model, PromptText, RequestSchema
from app.schemas.responses import OperationSchema, StrictSchema


class SentimentRequestSchema(RequestSchema):
    """A text to rate."""

    text = PromptText(required=True, metadata={"description": "The text to rate; not blank."})
    model = Model(metadata={"description": "Which model is to rate; without it, the default."})


class ScoresSchema(StrictSchema):
    """The probability of each label; together one."""

    positive = fields.Float(required=True)
    negative = fields.Float(required=True)
    neutral = fields.Float(required=True)


class SentimentResponseSchema(OperationSchema):
    """The sentiment of a text; `score` and `confidence` both are the probability of the named label."""

    text = fields.String(required=True)
    sentiment = fields.String(required=True, validate=validate.OneOf(SENTIMENTS))
    score = fields.Float(required=True, metadata={"description": "The probability of the named label."})
    confidence = fields.Float(required=True, metadata={"description": "The same as score."})
    scores = fields.Nested(ScoresSchema, required=True)
