"""Requests of OpenAI's routes. Known fields are validated; unknown fields are passed through unchanged."""

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validate

from app.schemas.fields import (
    INT64_LIMIT,
    NOT_BLANK,
    WITHOUT_NUL,
    Integer,
    Model,
    Number,
    RequestSchema,
    StopSequences,
    StrictBoolean,
    coerce_integral_float,
    max_input_length,
    text_schema,
    validate_text,
)

MAX_INPUTS = 2048
MAX_COMPLETION_TOKENS = 1_000_000
# above the size of every vocabulary
MAX_TOKEN_ID = 2**31 - 1


class StreamOptionsSchema(Schema):
    """Options of a stream."""

    class Meta:
        unknown = INCLUDE

    include_usage = StrictBoolean(
        allow_none=True, metadata={"description": "Send the token counts in an event at the end."}
    )


class OpenAIRequestSchema(RequestSchema):
    """The common fields of these routes. A field with null counts as absent."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "The model to use, by default the configured one."})

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None or name not in self.fields}


class SamplingSchema(OpenAIRequestSchema):
    """The common fields of chat and completions."""

    max_tokens = Integer(
        1,
        MAX_COMPLETION_TOKENS,
        allow_none=True,
        metadata={"description": "The maximum length of the response, in tokens."},
    )
    temperature = Number(
        0, 2, allow_none=True, metadata={"description": "The sampling temperature; 0 selects the most likely token."}
    )
    top_p = Number(
        0, 1, allow_none=True, metadata={"description": "Sample from the most likely tokens of this total probability."}
    )
    frequency_penalty = Number(
        -2, 2, allow_none=True, metadata={"description": "Penalize tokens in proportion to their frequency so far."}
    )
    presence_penalty = Number(
        -2, 2, allow_none=True, metadata={"description": "Penalize tokens that have occurred before."}
    )
    stop = StopSequences(allow_none=True, metadata={"description": "Texts that end the response."})
    seed = Integer(
        -INT64_LIMIT,
        INT64_LIMIT - 1,
        allow_none=True,
        metadata={"description": "Equal requests with the same seed should get the same response."},
    )
    stream = StrictBoolean(
        allow_none=True, metadata={"description": "Send the response in parts, as server-sent events."}
    )
    stream_options = fields.Nested(
        StreamOptionsSchema, allow_none=True, metadata={"description": "Options of the stream."}
    )


class Texts(fields.Field[Any]):
    """A text, a list of texts, or the same as token ids; in total within the limit of the schema."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        value = coerce_integral_float(value)
        items = value if isinstance(value, list) else [value]
        if items and all(isinstance(item, str) for item in items):
            for text in items:
                validate_text(text, self)
            if len(items) > 1:
                validate_text("".join(items), self)
        elif not _are_tokens(value) and not (items and all(map(_are_tokens, items))):
            raise ValidationError("This must be a string, a list of strings, or the same as lists of token ids.")
        elif sum(1 if isinstance(item, int) else len(item) for item in items) > max_input_length(self):
            raise ValidationError(f"At most {max_input_length(self)} tokens are accepted.")
        if len(items) > MAX_INPUTS and not _are_tokens(value):
            raise ValidationError(f"At most {MAX_INPUTS} texts are accepted.")
        return value

    def json_schema(self) -> dict[str, Any]:
        text, array = text_schema(self), {"type": "array", "minItems": 1, "maxItems": MAX_INPUTS}
        token = {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_ID}
        tokens = {"type": "array", "minItems": 1, "maxItems": max_input_length(self), "items": token}
        return {"anyOf": [text, array | {"items": text}, tokens, array | {"items": tokens}]}


class Conversation(list[dict[str, Any]]):
    """The messages of a request; `text` is the text of all messages."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        super().__init__(messages)
        self.text = "\n".join([text for message in messages for text in _content_texts(message.get("content"))])


class Messages(fields.Field[Conversation]):
    """A conversation: objects with a role and a content, which is a string, a list of parts, or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Conversation:
        if not isinstance(value, list) or not value:
            raise ValidationError("This must be a list of at least one message.")
        errors = [f"Message {index}: {error}" for index, item in enumerate(value) if (error := _message_error(item))]
        if errors:
            raise ValidationError(errors)
        conversation = Conversation(value)
        # a conversation may consist of images only
        if conversation.text.strip() or not any(isinstance(message.get("content"), list) for message in value):
            validate_text(conversation.text, self)
        return conversation

    def json_schema(self) -> dict[str, Any]:
        text = {"maxLength": max_input_length(self), "pattern": WITHOUT_NUL}  # applies to strings only
        part = {"type": "object", "properties": {"text": text}}
        content = {"type": ["string", "array", "null"], "items": part, **text}
        message = {
            "type": "object",
            "required": ["role"],
            "properties": {"role": {"type": "string", "minLength": 1}, "content": content},
        }
        not_blank = {"type": ["string", "array"], "pattern": NOT_BLANK}
        contains = {"required": ["content"], "properties": {"content": not_blank}}
        return {"type": "array", "minItems": 1, "items": message, "contains": contains}


class ChatRequestSchema(SamplingSchema):
    """A conversation to respond to."""

    messages = Messages(required=True, metadata={"description": "The conversation so far; not blank."})
    max_completion_tokens = Integer(
        1, MAX_COMPLETION_TOKENS, allow_none=True, metadata={"description": "The newer name of max_tokens."}
    )


class CompletionsRequestSchema(SamplingSchema):
    """A prompt to continue."""

    prompt = Texts(required=True, metadata={"description": "A text, a list of texts, or the same as token ids."})


class EmbeddingsRequestSchema(OpenAIRequestSchema):
    """Texts to turn into vectors."""

    input = Texts(required=True, metadata={"description": "A text, a list of texts, or the same as token ids."})
    encoding_format = fields.String(
        allow_none=True,
        validate=validate.OneOf(("float", "base64")),
        metadata={"description": "The format of the vectors: numbers, or base64 of 32-bit floats."},
    )
    dimensions = Integer(1, 100_000, allow_none=True, metadata={"description": "The length of each vector."})


def joined_texts(value: Any) -> str:
    """Return the text of a validated `prompt` or `input`; an empty string for token ids."""
    items = value if isinstance(value, list) else [value]
    return "\n".join([item for item in items if isinstance(item, str)])


def _content_texts(content: Any) -> list[str]:
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return [part["text"] for part in parts if isinstance(part.get("text"), str)]


def _message_error(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "it must be an object."
    if not isinstance(message.get("role"), str) or not message["role"]:
        return "it must have a role."
    content = message.get("content")
    if isinstance(content, list) and not all(isinstance(part, dict) for part in content):
        return "the parts of its content must be objects."
    if content is not None and not isinstance(content, str | list):
        return "its content must be a string or a list of parts."
    return None


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_token, value))


def _is_token(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_TOKEN_ID
