"""Requests of Ollama's routes. Unknown fields of requests are ignored, as Ollama does.

Source of the fields: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load

from app.config import Config
from app.schemas.fields import INT64_LIMIT, WITHOUT_NUL, Integer, Model, Number, RequestSchema, StrictBoolean
from app.schemas.json_shape import JsonShape, has_shape
from app.schemas.openai_fields import Conversation, Messages, Texts

MAX_DIMENSIONS = 100_000
MAX_TOP_LOGPROBS = 20

_STRING = {"type": "string"}
_STRING_OR_NULL = {"type": ["string", "null"]}
_OBJECT = {"type": "object"}
_IMAGES = {"type": ["array", "null"], "items": _STRING}
_FUNCTION = {"type": "object", "properties": {"name": _STRING, "arguments": {"type": ["object", "string", "null"]}}}
_CALL = {"type": "object", "properties": {"id": _STRING_OR_NULL, "function": _FUNCTION}}
_MESSAGE = {
    "type": "object",
    "properties": {
        "content": _STRING_OR_NULL,
        "images": _IMAGES,
        "tool_calls": {"type": ["array", "null"], "items": _CALL},
        "tool_name": _STRING_OR_NULL,
        "tool_call_id": _STRING_OR_NULL,
    },
}
_TOOL = {"type": "object", "properties": {"type": _STRING_OR_NULL, "function": _OBJECT}}


class Text(fields.Field[str]):
    """A text without NUL characters; it may be empty. Null counts as absent."""

    def __init__(self, description: str) -> None:
        super().__init__(allow_none=True, metadata={"description": description})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or "\x00" in value:
            raise ValidationError("This must be a string without NUL characters.")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {**_STRING_OR_NULL, "pattern": WITHOUT_NUL}


class Format(fields.Field[Any]):
    """The form of the response: `json`, or a JSON Schema. An empty text and null count as absent."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value not in ("", "json") and not isinstance(value, dict):
            raise ValidationError("This must be 'json' or a JSON Schema.")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["", "json", None]}, _OBJECT]}


class ChatMessages(Messages):
    """A conversation in Ollama's form. An empty one asks to load the model."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Conversation:
        if value == []:
            return Conversation()
        if isinstance(value, list) and not all(has_shape(message, _MESSAGE) for message in value):
            raise ValidationError("Each message must have a content that is a text, and fields of Ollama's types.")
        return super()._deserialize(value, attr, data, **kwargs)

    def json_schema(self) -> dict[str, Any]:
        schema = super().json_schema()
        content = {**_STRING_OR_NULL, "pattern": WITHOUT_NUL}
        properties = {**_MESSAGE["properties"], "role": {"type": "string", "minLength": 1}, "content": content}  # type: ignore[dict-item]  # it is an object
        message = {"type": "object", "required": ["role"], "properties": properties}
        return {**schema, "type": ["array", "null"], "minItems": 0, "items": message}


class EmbedTexts(Texts):
    """A text or a list of texts, which may be empty."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if value == [] else super()._deserialize(value, attr, data, **kwargs)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [*super().json_schema()["anyOf"], {"type": "array", "maxItems": 0}]}


def _number(minimum: float, maximum: float, description: str) -> Number:
    return Number(minimum, maximum, allow_none=True, metadata={"description": description})


def _integer(minimum: int, maximum: int, description: str) -> Integer:
    return Integer(minimum, maximum, allow_none=True, metadata={"description": description})


def _keep_alive() -> JsonShape:
    description = "Ignored, except that an empty request with 0 gets `unload` as its `done_reason`."
    return JsonShape("a number or a text", {"type": ["number", "string"]}, metadata={"description": description})


class OllamaOptionsSchema(Schema):
    """Sampling options. All others of Ollama, such as `num_ctx`, are ignored."""

    class Meta:
        unknown = INCLUDE

    temperature = _number(0, 2, "The sampling temperature; 0 selects the most likely token.")
    top_p = _number(0, 1, "Sample from the most likely tokens of this total probability.")
    top_k = _integer(-1, INT64_LIMIT - 1, "Sample from this many of the most likely tokens.")
    min_p = _number(0, 1, "The least probability of a token, relative to the most likely one.")
    repeat_penalty = _number(0, 100, "Penalize repeated tokens.")
    presence_penalty = _number(-2, 2, "Penalize tokens that have occurred before.")
    frequency_penalty = _number(-2, 2, "Penalize tokens in proportion to their frequency so far.")
    seed = _integer(-INT64_LIMIT, INT64_LIMIT - 1, "Equal requests with the same seed should get the same response.")
    num_predict = _integer(-2, 1_000_000, "The maximum length of the response, in tokens; no limit below 1.")
    stop = JsonShape(
        "a text or a list of texts",
        {"type": ["string", "array"], "items": _STRING},
        metadata={"description": "Texts that end the response."},
    )


class OllamaRequestSchema(RequestSchema):
    """The common fields of Ollama's routes. A field with null counts as absent."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "The model to use, by default the configured one."})

    def body_limit(self, config: Config) -> int:
        """Return MAX_BODY_BYTES: the length of the input is for the model to judge."""
        return config.max_body_bytes

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None}


class GenerationSchema(OllamaRequestSchema):
    """The common fields of chat and generate."""

    stream = StrictBoolean(
        allow_none=True, metadata={"description": "Send the response in parts, as lines of JSON; true by default."}
    )
    format = Format(allow_none=True, metadata={"description": "`json`, or a JSON Schema of the response."})
    options = fields.Nested(OllamaOptionsSchema, allow_none=True, metadata={"description": "Sampling options."})
    think = JsonShape(
        "a boolean or a level",
        {"type": ["boolean", "string"]},
        metadata={"description": "How much a reasoning model thinks; `false` hides its thinking."},
    )
    logprobs = StrictBoolean(allow_none=True, metadata={"description": "Return the log-probabilities of the tokens."})
    top_logprobs = _integer(0, MAX_TOP_LOGPROBS, "The number of most likely tokens to return at each position.")
    keep_alive = _keep_alive()


class OllamaChatRequestSchema(GenerationSchema):
    """A conversation to respond to."""

    messages = ChatMessages(allow_none=True, metadata={"description": "The conversation so far."})
    tools = JsonShape(
        "a list of tools", {"type": "array", "items": _TOOL}, metadata={"description": "Tools the model may call."}
    )


class OllamaGenerateRequestSchema(GenerationSchema):
    """A prompt to respond to."""

    prompt = Text("The text to respond to. An empty one asks to load the model.")
    system = Text("The instruction of the model.")
    images = JsonShape(
        "a list of texts", {"type": "array", "items": _STRING}, metadata={"description": "Images in base64."}
    )
    suffix = Text("Not supported: 501 unless it is empty.")
    template = Text("Not supported: 501 unless it is empty.")
    raw = StrictBoolean(allow_none=True, metadata={"description": "Not supported: 501 if true."})
    context = JsonShape(
        "a list of numbers",
        {"type": "array", "items": {"type": "number"}},
        metadata={"description": "Not supported: 501 unless it is empty."},
    )


class OllamaEmbedRequestSchema(OllamaRequestSchema):
    """Texts to turn into vectors."""

    input = EmbedTexts(required=True, metadata={"description": "A text or a list of texts."})
    dimensions = _integer(1, MAX_DIMENSIONS, "The length of each vector.")
    truncate = StrictBoolean(allow_none=True, metadata={"description": "Ignored: the backend decides."})
    keep_alive = _keep_alive()


class OllamaEmbeddingsRequestSchema(OllamaRequestSchema):
    """A text to turn into a vector, in the older form."""

    prompt = Text("The text.")
    keep_alive = _keep_alive()


class OllamaShowRequestSchema(OllamaRequestSchema):
    """The model to describe."""

    name = Model(allow_none=True, metadata={"description": "The older name of the field `model`."})
    verbose = StrictBoolean(allow_none=True, metadata={"description": "Ignored."})
