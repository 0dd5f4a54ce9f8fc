"""The inputs of OpenAI's routes: conversations, texts and token ids. Their length is bounded by the body's only."""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from marshmallow import ValidationError, fields

from app.schemas.fields import MAX_ERRORS, WITHOUT_NUL, coerce_integral_float

MAX_INPUTS = 2048
MAX_MESSAGES = 10_000
# above the size of every vocabulary
MAX_TOKEN_ID = 2**31 - 1


class Texts(fields.Field[Any]):
    """A text, a list of texts, or the same as token ids."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        types = set(map(type, items))
        if types == {str}:
            _require_no_nul(items)
        elif types <= {int, float} and isinstance(value, list):
            return _token_ids(value)
        elif types == {list}:
            _require_count(items)
            return [_token_ids(item) for item in items]
        else:
            raise _not_texts()
        _require_count(items)
        return value

    def json_schema(self) -> dict[str, Any]:
        text, array = {"type": "string", "pattern": WITHOUT_NUL}, {"type": "array", "minItems": 1}
        token = {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_ID}
        tokens, several = array | {"items": token}, array | {"maxItems": MAX_INPUTS}
        return {"anyOf": [text, several | {"items": text}, tokens, several | {"items": tokens}]}


def _not_texts() -> ValidationError:
    return ValidationError("This must be a string, a list of strings, or the same as lists of token ids.")


def _require_count(items: list[Any]) -> None:
    if len(items) > MAX_INPUTS:
        raise ValidationError(f"At most {MAX_INPUTS} texts are accepted.")


def _require_no_nul(texts: list[str]) -> None:
    if any("\x00" in text for text in texts):
        raise ValidationError("The text contains a NUL character.")


def _token_ids(items: list[Any]) -> list[int]:
    """Return the ids as integers; raise ValidationError if there is none, or one is no token id."""
    types = set(map(type, items))  # in C: there may be hundreds of thousands
    if float in types:
        items = coerce_integral_float(items)
        types = set(map(type, items))
    if types != {int} or min(items) < 0 or max(items) > MAX_TOKEN_ID:
        raise _not_texts()
    return items


class Conversation(list[dict[str, Any]]):
    """The messages of a request."""

    @cached_property
    def text(self) -> str:
        """The text of all messages."""
        return "\n".join([text for message in self for text in content_texts(message.get("content"))])


class Messages(fields.Field[Conversation]):
    """A conversation: objects with a role and a content, which is a string, a part, a list of both, or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Conversation:
        if not isinstance(value, list) or not value:
            raise ValidationError("This must be a list of at least one message.")
        if len(value) > MAX_MESSAGES:
            raise ValidationError(f"At most {MAX_MESSAGES} messages are accepted.")
        if errors := list(islice(_message_errors(value), MAX_ERRORS)):
            raise ValidationError(errors)
        return Conversation(value)

    def json_schema(self) -> dict[str, Any]:
        text = {"pattern": WITHOUT_NUL}  # applies to strings only
        part = {"type": ["object", "string"], "properties": {"text": text}, **text}
        content = {"type": ["string", "array", "object", "null"], "items": part, "properties": {"text": text}, **text}
        message = {
            "type": "object",
            "required": ["role"],
            "properties": {"role": {"type": "string", "minLength": 1}, "content": content},
        }
        return {"type": "array", "minItems": 1, "maxItems": MAX_MESSAGES, "items": message}


def content_texts(content: Any) -> list[str]:
    """Return the texts of a message's content; images and other parts have none."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return [text for text in texts if isinstance(text, str)]


def _message_errors(messages: list[Any]) -> Iterator[str]:
    for index, message in enumerate(messages):
        if error := _message_error(message):
            yield f"Message {index}: {error}"


def _message_error(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "it must be an object."
    if not isinstance(message.get("role"), str) or not message["role"]:
        return "it must have a role."
    content = message.get("content")
    if content is not None and not isinstance(content, str | list | dict):
        return "its content must be a string, a part or a list of parts."
    if isinstance(content, list) and not all(isinstance(part, dict | str) for part in content):
        return "the parts of its content must be objects or strings."
    if any("\x00" in text for text in content_texts(content)):
        return "it contains a NUL character."
    return None


def joined_texts(value: Any) -> str:
    """Return the text of a validated `prompt` or `input`, also that of parts; an empty string for token ids."""
    return "\n".join(content_texts(value))
