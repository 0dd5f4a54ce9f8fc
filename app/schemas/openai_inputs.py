"""Inputs of routes beside OpenAI's conversations: texts, parts, token ids, and requests with alternative inputs."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from app.schemas.fields import WITHOUT_NUL, coerce_integral_float
from app.schemas.openai_fields import MAX_INPUTS, MAX_TOKEN_ID
from app.schemas.openai_requests import OpenAIRequestSchema

_TEXT = {"type": "string", "pattern": WITHOUT_NUL}
_FORM = f"This must be a string or a list of 1 to {MAX_INPUTS} strings, without NUL characters."
_PARTS_FORM = (
    f"This must be a string, a list of 1 to {MAX_INPUTS} strings, or a list of parts of the types text and image_url."
)
_IDS_FORM = "This must be a list of token ids."


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\x00" not in value


class PlainText(fields.Field[str]):
    """A text, which may be empty."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not _is_text(value):
            raise ValidationError("This must be a string without NUL characters.")
        return str(value)

    def json_schema(self) -> dict[str, Any]:
        return _TEXT


class PlainTexts(fields.Field[Any]):
    """A text, or a list of texts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        if not 1 <= len(items) <= MAX_INPUTS or not all(map(_is_text, items)):
            raise ValidationError(_FORM)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": _TEXT}]}


class ModerationInputs(PlainTexts):
    """A text, a list of texts, or a list of parts as in OpenAI's moderations."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and 1 <= len(value) <= MAX_INPUTS and all(map(_is_part, value)):
            return value
        try:
            return super()._deserialize(value, attr, data, **kwargs)
        except ValidationError:
            raise ValidationError(_PARTS_FORM) from None

    def json_schema(self) -> dict[str, Any]:
        kind, image = {"type": "string"}, {"type": "object", "required": ["url"], "properties": {"url": _TEXT}}
        text = {"required": ["type", "text"], "properties": {"type": kind | {"const": "text"}, "text": _TEXT}}
        picture = {
            "required": ["type", "image_url"],
            "properties": {"type": kind | {"const": "image_url"}, "image_url": image},
        }
        part = {"type": "object", "anyOf": [text, picture]}
        return {
            "anyOf": [
                *super().json_schema()["anyOf"],
                {"type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": part},
            ]
        }


def _is_part(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    if part.get("type") == "text":
        return _is_text(part.get("text"))
    image = part.get("image_url")
    return part.get("type") == "image_url" and isinstance(image, dict) and _is_text(image.get("url"))


class TokenIds(fields.Field[list[int]]):
    """A list of token ids."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[int]:
        ids = coerce_integral_float(value)
        if not isinstance(ids, list) or not ids or set(map(type, ids)) != {int}:
            raise ValidationError(_IDS_FORM)
        if min(ids) < 0 or max(ids) > MAX_TOKEN_ID:
            raise ValidationError(_IDS_FORM)
        return ids

    def json_schema(self) -> dict[str, Any]:
        token = {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_ID}
        return {"type": "array", "minItems": 1, "items": token}


class AlternativesSchema(OpenAIRequestSchema):
    """A request with at least one of several inputs; the first of `alternatives` that it has counts."""

    alternatives: ClassVar[tuple[str, ...]] = ()

    @property
    def json_rules(self) -> dict[str, Any]:
        """The JSON Schema of the rule that one of them is required."""
        return {"anyOf": [{"required": [name]} for name in self.alternatives]}

    @validates_schema(skip_on_field_errors=True)
    def _has_alternative(self, data: dict[str, Any], **_: Any) -> None:
        if not any(name in data for name in self.alternatives):
            names = " or ".join(self.alternatives)
            raise ValidationError(f"Missing data: send {names}.", self.alternatives[0])
