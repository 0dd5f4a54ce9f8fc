"""The request and the response of extract."""

from typing import Any

import orjson
from marshmallow import ValidationError, fields

from app.backends.json_schemas.object_schema import ObjectSchema
from app.backends.json_schemas.schema_bounds import MAX_BYTES
from app.backends.responses.token_estimate import estimated_tokens
from app.schemas.fields import MAX_TOKENS, Integer, PromptText
from app.schemas.texts import TextResultSchema, TextsRequestSchema

DEFAULT_MAX_TOKENS = 1024


class JsonSchema(fields.Field[ObjectSchema]):
    """A JSON Schema (draft 2020-12) of an object, bounded, without references to other documents."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ObjectSchema:
        if not isinstance(value, dict):
            raise ValidationError("This must be a JSON Schema of an object.")
        try:
            return ObjectSchema.load(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"type": {"const": "object"}}}


class ExtractRequestSchema(TextsRequestSchema):
    """Texts to extract data from."""

    schema = JsonSchema(
        required=True,
        metadata={
            "description": f"The JSON Schema (draft 2020-12) of the data: an object, of at most {MAX_BYTES} bytes. "
            "`$ref` leads to parts of the schema only."
        },
    )
    instruction = PromptText(metadata={"description": "What to look for, beside the names in the schema."})
    max_tokens = Integer(
        1,
        MAX_TOKENS,
        load_default=DEFAULT_MAX_TOKENS,
        metadata={"description": "The maximum number of tokens of the data, and of a model's reasoning before it."},
    )

    def needed_tokens(self, body: dict[str, Any], tokens: int, count: int) -> int:
        """Add schema and instruction for each text, and a second attempt with the first answer."""
        schema = estimated_tokens(orjson.dumps(body["schema"].schema).decode() + body.get("instruction", ""))
        once = super().needed_tokens(body, tokens, count) + count * schema
        return 2 * once + count * body["max_tokens"]


class ExtractResponseSchema(TextResultSchema):
    """Data that is valid under the schema of the request."""

    data = fields.Dict(required=True, metadata={"description": "The data; it is valid under the schema."})
    model = fields.String(required=True)
    repaired = fields.Boolean(
        metadata={"description": "Present and true if the model's first answer was invalid, and the second one valid."}
    )
