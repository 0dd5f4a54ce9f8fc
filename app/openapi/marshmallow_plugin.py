"""Translates our marshmallow fields into JSON Schema where apispec cannot."""

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields


class _Converter(OpenAPIConverter):
    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """Return the schema of a field, with its own `json_schema`, and exclusive bounds."""
        schema: dict[str, Any] = super().field2property(field)
        if hasattr(field, "json_schema"):
            schema |= field.json_schema()
        if any(getattr(validator, "min_inclusive", True) is False for validator in field.validators):
            schema["exclusiveMinimum"] = schema.pop("minimum")
        return schema

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """Return the schema of an object, with the rules for several of its fields in `json_rules`."""
        described: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # no types there
        return {**described, **getattr(schema, "json_rules", {})}


class SchemaPlugin(MarshmallowPlugin):
    """Adds marshmallow schemas to a document under the names of their classes."""

    Converter = _Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_component_name)


def _component_name(schema: Any) -> str:
    return type(resolve_schema_instance(schema)).__name__.removesuffix("Schema")
