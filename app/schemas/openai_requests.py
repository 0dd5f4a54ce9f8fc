"""Requests of the routes that OpenAI's API has: known fields are checked, all others are passed on as they are."""

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validate

from app.schemas.fields import (
    NOT_BLANK,
    WITHOUT_NUL,
    Integer,
    Model,
    Number,
    RequestSchema,
    SingleValidatorMixin,
    StopSequences,
    StrictBoolean,
    coerce_integral_float,
    max_input_length,
    text_schema,
    validate_text,
)

MAX_INPUTS = 2048
LONGEST_ANSWER = 1_000_000
_INT64 = 2**63
# no vocabulary has more
_GREATEST_TOKEN = 2**31 - 1


class StreamOptionsSchema(Schema):
    """What a stream tells beside the answer."""

    class Meta:
        unknown = INCLUDE

    include_usage = StrictBoolean(allow_none=True, metadata={"description": "Give the token counts in a last event."})


class OpenAIRequestSchema(RequestSchema):
    """What all these routes take. A field that is null counts as left out."""

    class Meta:
        unknown = INCLUDE

    model = Model(allow_none=True, metadata={"description": "Which model is to answer; without it, the default."})

    @post_load
    def _without_nulls(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None or name not in self.fields}


class SamplingSchema(OpenAIRequestSchema):
    """What chat and completions share."""

    max_tokens = Integer(1, LONGEST_ANSWER, allow_none=True, metadata={"description": "The longest answer, in tokens."})
    temperature = Number(0, 2, allow_none=True, metadata={"description": "How freely to choose among likely words."})
    top_p = Number(
        0, 1, allow_none=True, metadata={"description": "Choose among the likeliest words of this much probability."}
    )
    frequency_penalty = Number(
        -2, 2, allow_none=True, metadata={"description": "Avoid words the more, the more often they came."}
    )
    presence_penalty = Number(-2, 2, allow_none=True, metadata={"description": "Avoid words that came before."})
    stop = StopSequences(allow_none=True, metadata={"description": "Texts that end the answer."})
    seed = Integer(
        -_INT64, _INT64 - 1, allow_none=True, metadata={"description": "The same seed is to give the same answer."}
    )
    stream = StrictBoolean(
        allow_none=True, metadata={"description": "Give the answer as it is made, as server-sent events."}
    )
    stream_options = fields.Nested(
        StreamOptionsSchema, allow_none=True, metadata={"description": "What a stream tells besides."}
    )


class Texts(SingleValidatorMixin, fields.Field[Any]):
    """One text or several, or the same as token numbers; all texts together within the limit of the schema."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        value = coerce_integral_float(value)
        items = value if isinstance(value, list) else [value]
        if all(isinstance(item, str) for item in items) and items:
            for text in items:
                validate_text(text, self)
            validate_text("".join(items), self)
        elif not _are_tokens(value) and not (items and all(map(_are_tokens, items))):
            raise ValidationError("Give a text, a list of texts, or the same as lists of token numbers.")
        elif sum(1 if isinstance(item, int) else len(item) for item in items) > max_input_length(self):
            raise ValidationError(f"At most {max_input_length(self)} tokens are accepted.")
        if len(items) > MAX_INPUTS and not _are_tokens(value):
            raise ValidationError(f"Give at most {MAX_INPUTS} texts.")
        return value

    def json_schema(self) -> dict[str, Any]:
        text, several = text_schema(self), {"type": "array", "minItems": 1, "maxItems": MAX_INPUTS}
        token = {"type": "integer", "minimum": 0, "maximum": _GREATEST_TOKEN}
        tokens = {"type": "array", "minItems": 1, "maxItems": max_input_length(self), "items": token}
        return {"anyOf": [text, several | {"items": text}, tokens, several | {"items": tokens}]}


class Messages(SingleValidatorMixin, fields.Field[list[dict[str, Any]]]):
    """A conversation: objects with a role and content, which is a text, a list of parts, or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not value:
            raise ValidationError("Give a list of at least one message.")
        faults = {index: fault for index, message in enumerate(value) if (fault := _message_fault(message))}
        if faults:
            raise ValidationError([f"Message {index}: {fault}" for index, fault in faults.items()])
        text = messages_text(value)
        if text.strip() or not any(isinstance(message.get("content"), list) for message in value):
            validate_text(text, self)
        return value

    def json_schema(self) -> dict[str, Any]:
        text = {"maxLength": max_input_length(self), "pattern": WITHOUT_NUL}  # which binds texts only
        part = {"type": "object", "properties": {"text": text}}
        content = {"type": ["string", "array", "null"], "items": part, **text}
        message = {
            "type": "object",
            "required": ["role"],
            "properties": {"role": {"type": "string", "minLength": 1}, "content": content},
        }
        said = {"required": ["content"], "properties": {"content": {"type": ["string", "array"], "pattern": NOT_BLANK}}}
        return {"type": "array", "minItems": 1, "items": message, "contains": said}


class ChatRequestSchema(SamplingSchema):
    """A conversation to be answered."""

    messages = Messages(required=True, metadata={"description": "The conversation so far; not blank."})
    max_completion_tokens = Integer(
        1, LONGEST_ANSWER, allow_none=True, metadata={"description": "The newer name of max_tokens."}
    )


class CompletionsRequestSchema(SamplingSchema):
    """A prompt to be continued."""

    prompt = Texts(required=True, metadata={"description": "A text or several, or the same as token numbers."})


class EmbeddingsRequestSchema(OpenAIRequestSchema):
    """Texts to be turned into vectors."""

    input = Texts(required=True, metadata={"description": "A text or several, or the same as token numbers."})
    encoding_format = fields.String(
        allow_none=True,
        validate=validate.OneOf(("float", "base64")),
        metadata={"description": "Numbers, or base64 of 32-bit floats."},
    )
    dimensions = Integer(1, 100_000, allow_none=True, metadata={"description": "How long each vector is to be."})


def texts(given: Any) -> str:
    """Return the text of a `prompt` or an `input`, nothing for one in tokens."""
    items = given if isinstance(given, list) else [given]
    return "\n".join(item for item in items if isinstance(item, str))


def messages_text(messages: list[dict[str, Any]]) -> str:
    """Return the text of a conversation."""
    return "\n".join(text for message in messages for text in _texts(message.get("content")))


def _texts(content: Any) -> list[str]:
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return [part["text"] for part in parts if isinstance(part.get("text"), str)]


def _message_fault(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "it must be an object."
    if not isinstance(message.get("role"), str) or not message["role"]:
        return "it must have a role."
    content = message.get("content")
    if isinstance(content, list) and not all(isinstance(part, dict) for part in content):
        return "the parts of its content must be objects."
    if content is not None and not isinstance(content, str | list):
        return "its content must be a text or a list of parts."
    return None


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_token, value))


def _is_token(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _GREATEST_TOKEN
