"""Requests of OpenAI's routes. Known fields are validated; unknown fields are passed through unchanged."""

from typing import Any

from marshmallow import INCLUDE, Schema, fields, post_load, validate

from app.config import Config
from app.schemas.fields import INT64_LIMIT, Integer, Model, Number, RequestSchema, StrictBoolean
from app.schemas.json_shape import JsonShape
from app.schemas.openai_fields import Messages, Texts
from app.schemas.openai_fields import joined_texts as joined_texts

MAX_COMPLETION_TOKENS = 1_000_000
MAX_CHOICES = 1024

_STRING = {"type": "string"}
_OBJECT = {"type": "object"}
_STRING_OR_OBJECT = {"type": ["string", "object"]}
_FUNCTION = {
    "type": ["object", "null"],
    "properties": {
        "name": _STRING,
        "description": {"type": ["string", "null"]},
        "parameters": {"type": ["object", "null"]},
    },
}


def _text(description: str) -> JsonShape:
    return JsonShape("a string", _STRING, metadata={"description": description})


def _object(description: str) -> JsonShape:
    return JsonShape("an object", _OBJECT, metadata={"description": description})


def _boolean(description: str) -> StrictBoolean:
    return StrictBoolean(allow_none=True, metadata={"description": description})


def _integer(minimum: int, maximum: int, description: str) -> Integer:
    return Integer(minimum, maximum, allow_none=True, metadata={"description": description})


def _number(minimum: float, maximum: float, description: str) -> Number:
    return Number(minimum, maximum, allow_none=True, metadata={"description": description})


class StreamOptionsSchema(Schema):
    """Options of a stream."""

    class Meta:
        unknown = INCLUDE

    include_usage = _boolean("Send the token counts in an event at the end.")


class OpenAIRequestSchema(RequestSchema):
    """The common fields of these routes. A field with null counts as absent."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "The model to use, by default the configured one."})
    stream_options = fields.Nested(
        StreamOptionsSchema, allow_none=True, metadata={"description": "Options of the stream."}
    )
    user = _text("An identifier of the end user.")

    def body_limit(self, config: Config) -> int:
        """Return MAX_BODY_BYTES: the length of the input is for the model to judge."""
        return config.max_body_bytes

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None or name not in self.fields}


class SamplingSchema(OpenAIRequestSchema):
    """The common fields of chat and completions."""

    max_tokens = _integer(0, MAX_COMPLETION_TOKENS, "The maximum length of the response, in tokens.")
    temperature = _number(0, 2, "The sampling temperature; 0 selects the most likely token.")
    top_p = _number(0, 1, "Sample from the most likely tokens of this total probability.")
    frequency_penalty = _number(-2, 2, "Penalize tokens in proportion to their frequency so far.")
    presence_penalty = _number(-2, 2, "Penalize tokens that have occurred before.")
    stop = JsonShape(
        "a string or a list of strings",
        {"type": ["string", "array"], "items": _STRING},
        metadata={"description": "Texts that end the response."},
    )
    seed = _integer(-INT64_LIMIT, INT64_LIMIT - 1, "Equal requests with the same seed should get the same response.")
    n = _integer(1, MAX_CHOICES, "The number of responses.")
    logit_bias = JsonShape(
        "an object of numbers, or a list of pairs",
        {
            "type": ["object", "array"],
            "additionalProperties": {"type": ["number", "boolean"]},
            "items": {"type": "array"},
        },
        metadata={"description": "A bias for each of these tokens."},
    )
    stream = _boolean("Send the response in parts, as server-sent events.")


class ChatRequestSchema(SamplingSchema):
    """A conversation to respond to."""

    messages = Messages(required=True, metadata={"description": "The conversation so far."})
    max_completion_tokens = _integer(0, MAX_COMPLETION_TOKENS, "The newer name of max_tokens.")
    tools = JsonShape(
        "a list of objects",
        {"type": "array", "items": {"type": "object", "properties": {"type": _STRING, "function": _FUNCTION}}},
        metadata={"description": "The tools that the model may call."},
    )
    tool_choice = JsonShape(
        "a string or an object", _STRING_OR_OBJECT, metadata={"description": "Which tool the model calls."}
    )
    parallel_tool_calls = _boolean("Whether the model may call several tools at once.")
    functions = JsonShape(
        "a list of objects",
        {"type": "array", "items": {**_FUNCTION, "type": "object"}},
        metadata={"description": "The older form of tools."},
    )
    function_call = JsonShape(
        "a string or an object", _STRING_OR_OBJECT, metadata={"description": "The older form of tool_choice."}
    )
    response_format = JsonShape(
        "an object with a type",
        {"type": "object", "properties": {"type": _STRING, "json_schema": _OBJECT, "schema": _OBJECT}},
        metadata={"description": "The form of the response, such as a JSON Schema."},
    )
    logprobs = _boolean("Return the log-probabilities of the tokens.")
    top_logprobs = _integer(0, MAX_CHOICES, "The number of most likely tokens to return at each position.")
    modalities = JsonShape(
        "a list of strings",
        {"type": "array", "items": _STRING},
        metadata={"description": "The kinds of output to generate."},
    )
    audio = _object("Options of audio output.")
    prediction = _object("Text that the response probably repeats.")
    reasoning_effort = _text("How much a reasoning model thinks.")
    metadata = _object("Values to store with the response.")
    store = _boolean("Whether the backend stores the response.")


class CompletionsRequestSchema(SamplingSchema):
    """A prompt to continue."""

    prompt = Texts(required=True, metadata={"description": "A text, a list of texts, or the same as token ids."})
    suffix = _text("The text behind the completion.")
    echo = JsonShape(
        "a boolean", {"type": ["boolean", "number"]}, metadata={"description": "Begin the response with the prompt."}
    )
    best_of = _integer(1, MAX_CHOICES, "The number of responses to select from.")
    logprobs = JsonShape(
        "an integer or a boolean",
        {"type": ["number", "boolean"]},
        metadata={"description": "The number of most likely tokens to return at each position."},
    )


class EmbeddingsRequestSchema(OpenAIRequestSchema):
    """Texts to turn into vectors."""

    input = Texts(required=True, metadata={"description": "A text, a list of texts, or the same as token ids."})
    encoding_format = fields.String(
        allow_none=True,
        validate=validate.OneOf(("float", "base64")),
        metadata={"description": "The format of the vectors: numbers, or base64 of 32-bit floats."},
    )
    dimensions = _integer(1, 100_000, "The length of each vector.")
