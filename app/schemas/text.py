"""Requests and answers of generate and complete, which take and give the same."""

from marshmallow import Schema, fields

from app.schemas.fields import MAX_SEED, MAX_TOKENS, Flag, Integer, Model, Number, RequestSchema, Stop, Text


class TextRequestSchema(RequestSchema):
    """A prompt, and how to sample."""

    model = Model()
    prompt = Text(required=True)
    max_tokens = Integer(1, MAX_TOKENS)
    temperature = Number(0, 2)
    top_p = Number(0, 1, above=True)
    stop = Stop()
    seed = Integer(0, MAX_SEED)
    stream = Flag()


class ChoiceSchema(Schema):
    """One generated text."""

    index = fields.Integer()
    text = fields.String()
    finish_reason = fields.String()


class UsageSchema(Schema):
    """Token counts; `estimated` is there, and true, only where the backend gave none."""

    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    total_tokens = fields.Integer()
    estimated = fields.Boolean()


class TextResponseSchema(Schema):
    """Generated text."""

    id = fields.String()
    model = fields.String()
    choices = fields.List(fields.Nested(ChoiceSchema))
    usage = fields.Nested(UsageSchema)
    generated_at = fields.String()
    processing_ms = fields.Float()
