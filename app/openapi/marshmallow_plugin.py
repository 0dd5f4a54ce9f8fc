"""Says in JSON Schema what apispec cannot read from our fields."""

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields


class _Converter(OpenAPIConverter):
    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """Add what a field says of itself, bounds that are not included, and null among alternatives."""
        found: dict[str, Any] = super().field2property(field)
        if hasattr(field, "json_schema"):
            found |= field.json_schema()
        if any(getattr(one, "min_inclusive", True) is False for one in field.validators):
            found["exclusiveMinimum"] = found.pop("minimum")
        null = {"type": "null"}
        if field.allow_none and null not in found.get("anyOf", [null]):
            found["anyOf"] = [*found["anyOf"], null]
        return found


class SchemaPlugin(MarshmallowPlugin):
    """Takes marshmallow's schemas into a document, under the names of their classes."""

    Converter = _Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_name)


def _name(schema: Any) -> str:
    return type(resolve_schema_instance(schema)).__name__.removesuffix("Schema")
