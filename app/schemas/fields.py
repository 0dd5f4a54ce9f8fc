"""Fields and the base schema of all requests: strict types, with an actionable message for each error.

`json_schema` of a field adds to the OpenAPI document whatever marshmallow's own classes do not declare.
"""

from functools import cached_property
from typing import Any, ClassVar, cast

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, missing, validate
from marshmallow.error_store import ErrorStore

from app.config import Config
from app.config.model_ref import BACKEND_NAMES, is_model_ref, model_ref_pattern, name_form

# of fields, and of messages for one field
MAX_ERRORS = 100
MAX_FIELDS = 256
# a character beyond U+FFFF as a pair of JSON's escapes
MAX_BYTES_PER_CHAR = 12
OTHER_FIELDS_BYTES = 64 * 1024
MIN_TASK_BODY_BYTES = 1024**2
MAX_TOKENS = 32_768
MAX_STOPS = 4
MAX_STOP_CHARS = 200
INT64_LIMIT = 2**63
MAX_SEED = INT64_LIMIT - 1
WITHOUT_NUL = r"^[^\u0000]*$"
# the characters that str.strip removes; other languages' regular expressions define white space differently
_BLANK = r"\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NOT_BLANK = rf"^[{_BLANK}]*[^{_BLANK}\u0000][^\u0000]*$"


class RequestSchema(Schema):
    """A request. Unknown fields are errors, and texts have at most MAX_INPUT_CHARS characters.

    Without `uses_tokens` no model reads the input, so it needs nothing of a quota.
    """

    uses_tokens: ClassVar[bool] = True

    class Meta:
        unknown = RAISE

    error_messages = {
        "unknown": "Unknown field.",
        "type": "The body must be a JSON object.",
    }

    def __init__(self, config: Config) -> None:
        self.max_input_chars = config.max_input_chars
        self.max_body_bytes = self.body_limit(config)
        self.primary_backend = config.backend
        self.aliases = frozenset(config.model_aliases)
        super().__init__()

    def body_limit(self, config: Config) -> int:
        """Return how many bytes a body may have: enough for one text of MAX_INPUT_CHARS characters."""
        needed = MAX_BYTES_PER_CHAR * config.max_input_chars + OTHER_FIELDS_BYTES
        return min(config.max_body_bytes, max(needed, MIN_TASK_BODY_BYTES))

    @cached_property
    def _required(self) -> frozenset[str]:
        return frozenset(name for name, field in self.fields.items() if field.required)

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        defaults = {name: field.load_default for name, field in self.fields.items()}
        return {name: default for name, default in defaults.items() if default is not missing}

    def _deserialize(self, data: Any, *, error_store: ErrorStore, **options: Any) -> Any:
        """Deserialize in one pass over the fields, if none is missing and none is refused as unknown."""
        if isinstance(data, dict) and len(data) > MAX_FIELDS:
            error_store.store_error([f"An object of at most {MAX_FIELDS} fields is accepted."])  # type: ignore[no-untyped-call]  # no types there
            return {}
        if isinstance(data, dict) and data.keys() >= self._required:
            unknown = data.keys() - self.fields.keys()
            if not unknown or self.unknown == INCLUDE:
                return self._load_fields(data, error_store) | {name: data[name] for name in data if name in unknown}
        return super()._deserialize(data, error_store=error_store, **options)

    def _load_fields(self, data: dict[str, Any], error_store: ErrorStore) -> dict[str, Any]:
        loaded: dict[str, Any] = {}
        for name in [name for name in self.fields if name in data or name in self._defaults]:
            if name not in data:
                loaded[name] = self._defaults[name]
                continue
            try:
                loaded[name] = self.fields[name].deserialize(data[name], name, data)
            except ValidationError as error:
                error_store.store_error(error.messages, name)  # type: ignore[no-untyped-call]  # no types there
        return loaded


def max_input_length(field: fields.Field[Any]) -> int:
    """Return how many characters, or tokens, the schema of a field accepts."""
    return _request_schema(field).max_input_chars


def _request_schema(field: fields.Field[Any]) -> RequestSchema:
    return cast("RequestSchema", field.root)  # the root of a field in a request is one


def validate_text(text: str, field: fields.Field[Any]) -> str:
    """Return the text; raise ValidationError if it is blank, too long, or contains a NUL character."""
    limit = max_input_length(field)
    if not text.strip():
        raise ValidationError("The text is empty.")
    if "\x00" in text:
        raise ValidationError("The text contains a NUL character.")
    if len(text) > limit:
        raise ValidationError(f"The text has {len(text)} characters; at most {limit} are accepted.")
    return text


def text_schema(field: fields.Field[Any]) -> dict[str, Any]:
    """Return the JSON Schema of `validate_text`."""
    return {"type": "string", "minLength": 1, "maxLength": max_input_length(field), "pattern": NOT_BLANK}


class PromptText(fields.String):
    """A text for a model: not blank, without NUL characters, within the limit of the schema."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return validate_text(super()._deserialize(value, attr, data, **kwargs), self)

    def json_schema(self) -> dict[str, Any]:
        return text_schema(self)


class Model(fields.String):
    """The name of a model: an alias, a name in the form of its backend, or `backend:model`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        schema = _request_schema(self)
        if name in schema.aliases or is_model_ref(name, schema.primary_backend):
            return name
        form = name_form(schema.primary_backend).description
        raise ValidationError(f"This must be {form}. It may start with a backend ({', '.join(BACKEND_NAMES)}) and ':'.")

    def json_schema(self) -> dict[str, Any]:
        schema = _request_schema(self)
        pattern = {"pattern": model_ref_pattern(schema.primary_backend)}
        others = sorted(name for name in schema.aliases if not is_model_ref(name, schema.primary_backend))
        return {"anyOf": [pattern, {"enum": others}]} if others else pattern


class Number(fields.Float):
    """A number between two bounds; with `above`, the lower bound is excluded. Strings and booleans are errors."""

    def __init__(self, minimum: float, maximum: float, *, above: bool = False, **options: Any) -> None:
        super().__init__(validate=validate.Range(minimum, maximum, min_inclusive=not above), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


def coerce_integral_float(value: Any) -> Any:
    """Return an integral float as an integer, also within lists: to JSON 5.0 and 5 are the same number.

    An integer beyond 64 bits is read as a rounded float, so it stays a float and is refused.
    """
    if isinstance(value, list):
        return [coerce_integral_float(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < INT64_LIMIT else value


class Integer(fields.Integer):
    """An integer between two bounds, both included. Strings, booleans and fractions are errors."""

    def __init__(self, minimum: int, maximum: int, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(minimum, maximum), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return super()._deserialize(coerce_integral_float(value), attr, data, **kwargs)


class StrictBoolean(fields.Boolean):
    """True or false; strings and numbers are errors."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class StopSequences(fields.Field[tuple[str, ...]]):
    """The texts that end a generation: a string, or a list of up to MAX_STOPS strings."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        stops = [value] if isinstance(value, str) else value
        if not isinstance(stops, list) or not 1 <= len(stops) <= MAX_STOPS or not all(map(_is_stop, stops)):
            raise ValidationError(
                f"This must be a string or a list of 1 to {MAX_STOPS} strings, of 1 to {MAX_STOP_CHARS} characters "
                "without NUL."
            )
        return tuple(stops)

    def json_schema(self) -> dict[str, Any]:
        stop = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARS, "pattern": WITHOUT_NUL}
        return {"anyOf": [stop, {"type": "array", "minItems": 1, "maxItems": MAX_STOPS, "items": stop}]}


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_STOP_CHARS and "\x00" not in value
