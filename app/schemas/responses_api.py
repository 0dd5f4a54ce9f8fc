"""Requests and responses of OpenAI's Responses API. Unknown fields are passed through, as on the other routes."""

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from app.schemas.fields import WITHOUT_NUL, Integer, StrictBoolean
from app.schemas.json_shape import JsonShape
from app.schemas.openai_fields import MAX_MESSAGES
from app.schemas.openai_requests import MAX_CHOICES, MAX_COMPLETION_TOKENS, SamplingSchema
from app.schemas.responses import PassthroughSchema

_STRING = {"type": "string"}
_OBJECT = {"type": "object"}
_OPTIONAL_STRING = {"type": ["string", "null"]}
_TOOL = {
    "type": "object",
    "properties": {
        "type": _STRING,
        "description": _OPTIONAL_STRING,
        "parameters": {"type": ["object", "null"]},
        "strict": {"type": ["boolean", "null"]},
    },
}
_TEXT = {
    "type": "object",
    "properties": {
        "format": {"type": ["object", "null"], "properties": {"type": _STRING}},
        "verbosity": _OPTIONAL_STRING,
    },
}
_REASONING = {"type": "object", "properties": {"effort": _OPTIONAL_STRING, "summary": _OPTIONAL_STRING}}


class ResponseInput(fields.Field[Any]):
    """A text, or a list of items: objects such as messages, calls of tools and their outputs."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            if "\x00" in value:
                raise ValidationError("The text contains a NUL character.")
            return value
        if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
            raise ValidationError("This must be a string, or a list of at least one item, each an object.")
        if len(value) > MAX_MESSAGES:
            raise ValidationError(f"At most {MAX_MESSAGES} items are accepted.")
        return value

    def json_schema(self) -> dict[str, Any]:
        text = {"type": "string", "pattern": WITHOUT_NUL}
        return {"anyOf": [text, {"type": "array", "minItems": 1, "maxItems": MAX_MESSAGES, "items": _OBJECT}]}


def _shape(description: str, shape: dict[str, Any], meaning: str) -> JsonShape:
    return JsonShape(description, shape, metadata={"description": meaning})


def _boolean(meaning: str) -> StrictBoolean:
    return StrictBoolean(allow_none=True, metadata={"description": meaning})


class ResponsesRequestSchema(SamplingSchema):
    """An input to respond to. The service keeps no state, so the input is the complete conversation."""

    class Meta:
        unknown = INCLUDE
        # the names of chat completions
        exclude = ("max_tokens", "n")

    input = ResponseInput(required=True, metadata={"description": "A text, or the items of the conversation so far."})
    instructions = _shape("a string", _STRING, "A system message before the input.")
    max_output_tokens = Integer(
        1,
        MAX_COMPLETION_TOKENS,
        allow_none=True,
        metadata={"description": "The maximum length of the response, in tokens."},
    )
    tools = _shape(
        "a list of tools", {"type": "array", "items": _TOOL}, "The functions and custom tools that the model may call."
    )
    tool_choice = _shape("a string or an object", {"type": ["string", "object"]}, "Which tool the model calls.")
    parallel_tool_calls = _boolean("Whether the model may call several tools at once.")
    text = _shape(
        "an object", _TEXT, "The `format` of the response, such as a JSON Schema, and the `verbosity` of the model."
    )
    reasoning = _shape(
        "an object",
        _REASONING,
        "The `effort` of a reasoning model. With `summary` its reasoning is returned as a summary.",
    )
    include = _shape("a list of strings", {"type": "array", "items": _STRING}, "Additional parts of the response.")
    top_logprobs = Integer(
        0,
        MAX_CHOICES,
        allow_none=True,
        metadata={"description": "The number of most likely tokens to return at each position."},
    )
    metadata = _shape("an object", _OBJECT, "Values that the response repeats.")
    truncation = _shape("a string", _STRING, "Accepted and repeated: the service never truncates an input.")
    store = _boolean("Accepted; the service stores no response.")
    service_tier = _shape("a string", _STRING, "The tier of the backend.")
    safety_identifier = _shape("a string", _STRING, "Accepted and repeated.")
    prompt_cache_key = _shape("a string", _STRING, "Accepted and repeated.")
    previous_response_id = _shape("a string", _STRING, "Refused: send the complete conversation as `input`.")
    conversation = _shape("a string or an object", {"type": ["string", "object"]}, "Refused, as the previous field is.")
    background = _boolean("Refused if true.")
    prompt = _shape("an object", _OBJECT, "Refused: send `instructions` and `input`.")


class InputTokensDetailsSchema(Schema):
    """Parts of the input's tokens."""

    cached_tokens = fields.Integer(required=True)
    cache_write_tokens = fields.Integer(required=True)


class OutputTokensDetailsSchema(Schema):
    """Parts of the output's tokens."""

    reasoning_tokens = fields.Integer(required=True)


class ResponseUsageSchema(PassthroughSchema):
    """Token counts. `estimated` is present, and true, only if the backend returned none."""

    input_tokens = fields.Integer(required=True)
    input_tokens_details = fields.Nested(InputTokensDetailsSchema, required=True)
    output_tokens = fields.Integer(required=True)
    output_tokens_details = fields.Nested(OutputTokensDetailsSchema, required=True)
    total_tokens = fields.Integer(required=True)
    estimated = fields.Boolean()


class OutputItemSchema(PassthroughSchema):
    """A part of the output: a message, reasoning, or a call of a tool."""

    id = fields.String(required=True)
    type = fields.String(required=True)


class ResponsesResponseSchema(PassthroughSchema):
    """A response, with the parameters of its request."""

    id = fields.String(required=True)
    object = fields.String(required=True, validate=validate.Equal("response"))
    created_at = fields.Integer(required=True)
    status = fields.String(required=True, validate=validate.OneOf(("completed", "incomplete")))
    model = fields.String(required=True, metadata={"description": "The model that generated the response."})
    output = fields.List(fields.Nested(OutputItemSchema), required=True)
    store = fields.Boolean(required=True, validate=validate.Equal(False))
    usage = fields.Nested(ResponseUsageSchema, required=True)
