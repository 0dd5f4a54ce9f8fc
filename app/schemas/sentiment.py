"""Request and answer of sentiment."""

from marshmallow import Schema, fields

from app.schemas.fields import Model, RequestSchema, Text


class SentimentRequestSchema(RequestSchema):
    """A text to rate."""

    text = Text(required=True)
    model = Model()


class SentimentResponseSchema(Schema):
    """The sentiment of a text; `score` and `confidence` both are the probability of the named label."""

    text = fields.String()
    sentiment = fields.String()
    score = fields.Float()
    confidence = fields.Float()
    scores = fields.Dict(keys=fields.String(), values=fields.Float())
