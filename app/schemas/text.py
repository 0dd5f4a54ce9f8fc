"""Requests and answers of generate and complete, which take and give the same."""

from marshmallow import fields

from app.config import Config
from app.schemas.fields import (
    MAX_SEED,
    MAX_TOKENS,
    Integer,
    Model,
    Number,
    PromptText,
    RequestSchema,
    StopSequences,
    StrictBoolean,
)
from app.schemas.responses import OperationSchema, StrictSchema


class TextRequestSchema(RequestSchema):
    """A prompt, and how to sample."""

    model = Model(metadata={"description": "Which model is to answer; without it, the default."})
    prompt = PromptText(required=True, metadata={"description": "The text to answer, or to continue; not blank."})
    max_tokens = Integer(1, MAX_TOKENS, metadata={"description": "The longest answer, in tokens."})
    temperature = Number(
        0, 2, metadata={"description": "How freely to choose among likely words; 0 always the likeliest."}
    )
    top_p = Number(
        0, 1, above=True, metadata={"description": "Choose among the likeliest words of this much probability."}
    )
    stop = StopSequences(metadata={"description": "Texts that end the answer, and are not part of it."})
    seed = Integer(0, MAX_SEED, metadata={"description": "The same request with the same seed gets the same answer."})
    stream = StrictBoolean(
        load_default=False, metadata={"description": "Give the text as it is made, as server-sent events."}
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.fields["max_tokens"].load_default = config.huggingface_max_tokens
        self.fields["temperature"].load_default = config.huggingface_temperature


class ChoiceSchema(StrictSchema):
    """One generated text."""

    index = fields.Integer(required=True)
    text = fields.String(required=True)
    finish_reason = fields.String(
        required=True, metadata={"description": "Why the text ended: stop, length, or another of OpenAI's."}
    )


class UsageSchema(StrictSchema):
    """Token counts; `estimated` is there, and true, only where the backend gave none."""

    prompt_tokens = fields.Integer(required=True)
    completion_tokens = fields.Integer(required=True)
    total_tokens = fields.Integer(required=True)
    estimated = fields.Boolean(metadata={"description": "True where the backend gave no counts: they were made here."})


class TextResponseSchema(OperationSchema):
    """Generated text."""

    id = fields.String(required=True)
    model = fields.String(required=True, metadata={"description": "The model that truly answered."})
    choices = fields.List(fields.Nested(ChoiceSchema), required=True)
    usage = fields.Nested(UsageSchema, required=True)
    generated_at = fields.String(required=True, metadata={"format": "date-time"})
    processing_ms = fields.Float(required=True, metadata={"description": "The time that the answer took."})
