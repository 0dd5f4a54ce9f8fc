"""The request and the response of entities."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from app.schemas.offsets import OffsetsRequestSchema, SpanSchema
from app.schemas.texts import TextResultSchema
from app.texts.entities import TYPES


class EntityTypes(fields.Field[tuple[str, ...]]):
    """Types of entities, as a list."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) and item in TYPES for item in value):
            raise ValidationError(f"This must be a list of types: {', '.join(TYPES)}.")
        return tuple(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "enum": list(TYPES)}}


class EntitiesRequestSchema(OffsetsRequestSchema):
    """Texts whose entities are looked for."""

    types = EntityTypes(
        load_default=(), metadata={"description": "The types of entities to return; all for an empty list."}
    )


class EntitySchema(SpanSchema):
    """A part of the text that names something. `text` is the text as it was sent, from `start` to `end`."""

    text = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    score = fields.Float(
        validate=validate.Range(0, 1),
        metadata={"description": "The probability by the model; absent if the model has none, or a rule found it."},
    )
    plain_text = fields.String(
        metadata={"description": "The text without the markup within it; present if there is some."}
    )


class EntitiesResultSchema(TextResultSchema):
    """The entities of a text in its order; they do not overlap."""

    entities = fields.List(fields.Nested(EntitySchema), required=True)
    language = fields.String(required=True, allow_none=True, metadata={"description": "The code of ISO 639-1."})
    source = fields.String(
        required=True,
        metadata={
            "description": "What found the entities beside rules: `token_classification`, `chat_model`, `spacy`, "
            "`name_model`, or `rules` if nothing else did."
        },
    )
