"""Requests and responses of pii, redact and restore."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from app.pii.kinds import KINDS, RULE_KINDS
from app.pii.regions import COUNTRIES
from app.schemas.offsets import OffsetsRequestSchema, SpanSchema
from app.schemas.responses import StrictSchema
from app.schemas.texts import TextResultSchema, TextsRequestSchema

MODES = ("placeholder", "mask", "remove")
MAX_PLACEHOLDERS = 100_000


class NameList(fields.Field[tuple[str, ...]]):
    """A list of at least `minimum` of several names."""

    def __init__(self, names: tuple[str, ...], *, minimum: int, **options: Any) -> None:
        super().__init__(**options)
        self._names = names
        self._minimum = minimum

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        is_list = isinstance(value, list) and len(value) >= self._minimum
        if not is_list or not all(isinstance(item, str) and item in self._names for item in value):
            raise ValidationError(f"This must be a list of at least {self._minimum} of {', '.join(self._names)}.")
        return tuple(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": self._minimum, "items": {"type": "string", "enum": list(self._names)}}


class PlaceholderValues(fields.Field[dict[str, str]]):
    """The values of placeholders."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(name and isinstance(item, str) for name, item in value.items()):
            raise ValidationError("This must be an object with a string for each placeholder.")
        if len(value) > MAX_PLACEHOLDERS:
            raise ValidationError(f"At most {MAX_PLACEHOLDERS} placeholders are accepted.")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "propertyNames": {"minLength": 1},
            "maxProperties": MAX_PLACEHOLDERS,
        }


class PiiRequestSchema(OffsetsRequestSchema):
    """Texts in which personal data is looked for."""

    types = NameList(
        KINDS,
        minimum=1,
        load_default=RULE_KINDS,
        metadata={
            "description": "The kinds to look for; by default all that rules find. `name` and `address` need a model."
        },
    )
    countries = NameList(
        COUNTRIES,
        minimum=0,
        load_default=(),
        metadata={
            "description": "The countries whose national identifiers are looked for, and whose phone numbers may lack "
            "a country code (ISO 3166-1); by default all that are known."
        },
    )


class RedactRequestSchema(PiiRequestSchema):
    """Texts in which personal data is replaced."""

    mode = fields.String(
        load_default="placeholder",
        validate=validate.OneOf(MODES),
        metadata={
            "description": "`placeholder` puts `[EMAIL_1]` in place of a value, `mask` an asterisk in place of each of "
            "its characters, and `remove` nothing."
        },
    )


class RestoreRequestSchema(TextsRequestSchema):
    """Texts with placeholders, and the values of these."""

    mapping = PlaceholderValues(
        required=True, metadata={"description": "The value of each placeholder, as redact has returned it."}
    )


class FoundSchema(SpanSchema):
    """Personal data in the text as it was sent."""

    type = fields.String(required=True, validate=validate.OneOf(KINDS))
    source = fields.String(required=True, validate=validate.OneOf(("rule", "model")))
    checked = fields.Boolean(
        metadata={"description": "Whether a checksum or a numbering plan confirms it; absent for a model's findings."}
    )
    score = fields.Float(metadata={"description": "The probability by the model; absent without one."})
    country = fields.String(metadata={"description": "The country of an IBAN or a national identifier."})
    name = fields.String(metadata={"description": "The name of a national identifier, such as `ssn` or `nir`."})


class PiiEntitySchema(FoundSchema):
    """Personal data with its text."""

    text = fields.String(required=True)


class RedactedEntitySchema(FoundSchema):
    """Personal data and what stands in its place."""

    replacement = fields.String(required=True)


class SearchedSchema(StrictSchema):
    """A kind that was looked for, and by what."""

    type = fields.String(required=True, validate=validate.OneOf(KINDS))
    source = fields.String(
        required=True,
        metadata={"description": "`rules`, or the model: `name_model`, `token_classification` or `chat_model`."},
    )


class PiiResultSchema(TextResultSchema):
    """The personal data of a text in its order; no finding overlaps another."""

    entities = fields.List(fields.Nested(PiiEntitySchema), required=True)
    searched = fields.List(fields.Nested(SearchedSchema), required=True)


class RedactResultSchema(TextResultSchema):
    """A text without its personal data. Offsets are those in the text as it was sent."""

    text = fields.String(required=True)
    entities = fields.List(fields.Nested(RedactedEntitySchema), required=True)
    searched = fields.List(fields.Nested(SearchedSchema), required=True)
    mapping = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "The value of each placeholder; with mode `placeholder` only."},
    )


class RestoreResultSchema(TextResultSchema):
    """A text with the values of its placeholders."""

    text = fields.String(required=True)
