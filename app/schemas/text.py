"""The request and the response of generate and complete."""

from typing import Any

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
    """A prompt and its sampling parameters."""

    model = Model(metadata={"description": "The model to use, by default the configured one."})
    prompt = PromptText(required=True, metadata={"description": "The text to respond to or to continue; not blank."})
    max_tokens = Integer(1, MAX_TOKENS, metadata={"description": "The maximum length of the response, in tokens."})
    temperature = Number(0, 2, metadata={"description": "The sampling temperature; 0 selects the most likely token."})
    top_p = Number(
        0, 1, above=True, metadata={"description": "Sample from the most likely tokens of this total probability."}
    )
    stop = StopSequences(metadata={"description": "Texts that end the response and are not part of it."})
    seed = Integer(0, MAX_SEED, metadata={"description": "Equal requests with the same seed get the same response."})
    stream = StrictBoolean(
        load_default=False, metadata={"description": "Send the text in parts, as server-sent events."}
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.fields["max_tokens"].load_default = config.huggingface_max_tokens
        self.fields["temperature"].load_default = config.huggingface_temperature

    def load(self, data: Any, **options: Any) -> dict[str, Any]:
        """Return the fields, and in `defaulted` those that the client did not send: a backend may leave them out."""
        loaded: dict[str, Any] = super().load(data, **options)
        loaded["defaulted"] = tuple([name for name in ("max_tokens", "temperature") if name not in data])
        return loaded


class ChoiceSchema(StrictSchema):
    """One generated text."""

    index = fields.Integer(required=True)
    text = fields.String(required=True)
    finish_reason = fields.String(
        required=True, metadata={"description": "The cause of the end: stop, length, or another value of OpenAI's."}
    )


class UsageSchema(StrictSchema):
    """Token counts. `estimated` is present, and true, only if the backend returned none."""

    prompt_tokens = fields.Integer(required=True)
    completion_tokens = fields.Integer(required=True)
    total_tokens = fields.Integer(required=True)
    estimated = fields.Boolean(metadata={"description": "True if the service estimated the counts."})


class TextResponseSchema(OperationSchema):
    """Generated text."""

    id = fields.String(required=True)
    model = fields.String(required=True, metadata={"description": "The model that generated the response."})
    choices = fields.List(fields.Nested(ChoiceSchema), required=True)
    usage = fields.Nested(UsageSchema, required=True)
    generated_at = fields.String(required=True, metadata={"format": "date-time"})
    processing_ms = fields.Float(required=True, metadata={"description": "The time from request to response."})
