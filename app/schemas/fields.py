"""Fields that several operations share: strict types, and a reason for each fault that a person can act on.

`json_schema` says the same for the document of the interface (app/openapi), beside what marshmallow's classes say.
"""

from functools import cached_property
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, missing, validate
from marshmallow.error_store import ErrorStore

from app.config import Config
from app.config.model_ref import BACKEND_NAMES, MODEL_REF_PATTERN, model_ref

MAX_TOKENS = 32_768
MAX_STOPS = 4
MAX_STOP_CHARS = 200
_INT64 = 2**63
MAX_SEED = _INT64 - 1
WITHOUT_NUL = r"^[^\u0000]*$"
# the class lists what str.strip removes; regular expressions elsewhere have another idea of white space
_BLANK = r"\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NOT_BLANK = rf"^[{_BLANK}]*[^{_BLANK}\u0000][^\u0000]*$"


class RequestSchema(Schema):
    """A request: unknown fields are refused by name, texts hold at most MAX_INPUT_CHARS characters."""

    class Meta:
        unknown = RAISE

    error_messages = {
        "unknown": "There is no such field.",
        "type": "The body must be a JSON object.",
    }

    def __init__(self, config: Config) -> None:
        self.max_input_chars = config.max_input_chars
        super().__init__()

    @cached_property
    def _required(self) -> frozenset[str]:
        return frozenset(name for name, field in self.fields.items() if field.required)

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {name: one.load_default for name, one in self.fields.items() if one.load_default is not missing}

    def _deserialize(self, data: Any, *, error_store: ErrorStore, **options: Any) -> Any:
        """Return what is made of a body; of one that has all it must have and nothing else, without detours."""
        if isinstance(data, dict) and data.keys() >= self._required:
            others = data.keys() - self.fields.keys()
            if not others or self.unknown == INCLUDE:
                return self._checked(data, error_store) | {name: data[name] for name in data if name in others}
        return super()._deserialize(data, error_store=error_store, **options)

    def _checked(self, data: dict[str, Any], error_store: ErrorStore) -> dict[str, Any]:
        given, checked = self._defaults | data, {}
        for name, field in self.fields.items():
            if name in given:
                try:
                    checked[name] = field.deserialize(given[name], name, data)
                except ValidationError as error:
                    error_store.store_error(error.messages, name)  # type: ignore[no-untyped-call]  # no types there
        return checked


def max_input_length(field: fields.Field[Any]) -> int:
    """Return how many characters, or tokens, the schema of a field accepts."""
    limit: int = field.root.max_input_chars  # type: ignore[union-attr]  # every request schema has it
    return limit


def validate_text(text: str, field: fields.Field[Any]) -> str:
    """Return a text that a model may be given; raise ValidationError for one that is empty or too long."""
    limit = max_input_length(field)
    if not text.strip():
        raise ValidationError("The text is empty.")
    if "\x00" in text:
        raise ValidationError("The text holds a NUL character.")
    if len(text) > limit:
        raise ValidationError(f"The text has {len(text)} characters; at most {limit} are accepted.")
    return text


def text_schema(field: fields.Field[Any]) -> dict[str, Any]:
    """Return what `checked_text` accepts, as JSON Schema."""
    return {"type": "string", "minLength": 1, "maxLength": max_input_length(field), "pattern": NOT_BLANK}


class SingleValidatorMixin:
    """A field with one validator at most; marshmallow's puts all that it has together anew for each value."""

    validators: list[Any]

    def _validate(self, value: Any) -> None:
        for check in self.validators:
            check(value)


class PromptText(SingleValidatorMixin, fields.String):
    """A text for a model: required, not blank, without NUL, within the limit of its schema."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return validate_text(super()._deserialize(value, attr, data, **kwargs), self)

    def json_schema(self) -> dict[str, Any]:
        return text_schema(self)


class Model(SingleValidatorMixin, fields.String):
    """The name of a model: an alias, a model id, or `backend:model`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        try:
            model_ref(name)
        except ValueError:
            raise ValidationError(
                "A model is one to four parts of letters, digits, '.', '_' and '-' joined by '/', with an optional "
                f"':suffix', at most 200 characters; one of {', '.join(BACKEND_NAMES)} and ':' may stand before it."
            ) from None
        return name

    def json_schema(self) -> dict[str, Any]:
        return {"pattern": MODEL_REF_PATTERN}


class Number(SingleValidatorMixin, fields.Float):
    """A number within its bounds, or strictly above the lower one: no text, no boolean."""

    def __init__(self, minimum: float, maximum: float, *, above: bool = False, **options: Any) -> None:
        super().__init__(validate=validate.Range(minimum, maximum, min_inclusive=not above), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


def coerce_integral_float(value: Any) -> Any:
    """Return a whole number, or all in a list, as such: to JSON 5.0 and 5 are one.

    An integer beyond 64 bits has been rounded by the time it is read, so it is left to be refused.
    """
    if isinstance(value, list):
        return [coerce_integral_float(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _INT64 else value


class Integer(SingleValidatorMixin, fields.Integer):
    """A whole number within its bounds, both included: no text, and 5.7 is not truncated."""

    def __init__(self, minimum: int, maximum: int, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(minimum, maximum), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return super()._deserialize(coerce_integral_float(value), attr, data, **kwargs)


class StrictBoolean(SingleValidatorMixin, fields.Boolean):
    """True or false, and nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class StopSequences(SingleValidatorMixin, fields.Field[tuple[str, ...]]):
    """The texts that end the generation: one, or a list of up to four."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        stops = [value] if isinstance(value, str) else value
        if not isinstance(stops, list) or not 1 <= len(stops) <= MAX_STOPS or not all(map(_is_stop, stops)):
            raise ValidationError(
                f"Give a text or a list of 1 to {MAX_STOPS} texts of 1 to {MAX_STOP_CHARS} characters, without NUL."
            )
        return tuple(stops)

    def json_schema(self) -> dict[str, Any]:
        stop = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARS, "pattern": WITHOUT_NUL}
        return {"anyOf": [stop, {"type": "array", "minItems": 1, "maxItems": MAX_STOPS, "items": stop}]}


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_STOP_CHARS and "\x00" not in value
