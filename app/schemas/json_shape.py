"""Checks the types of fields whose values are for the backend to judge."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError, fields

_IS_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


class JsonShape(fields.Field[Any]):
    """A value of some JSON types; null is accepted too and counts as absent.

    `shape` is a JSON Schema as `has_shape` reads it, with a `type`. `description` follows "This must be".
    """

    # servers answer other types with 500, which would count as a failure of the backend
    def __init__(self, description: str, shape: Mapping[str, Any], **options: Any) -> None:
        super().__init__(allow_none=True, **options)
        self._description = description
        self._shape = shape

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not has_shape(value, self._shape):
            raise ValidationError(f"This must be {self._description}.")
        return value

    def json_schema(self) -> dict[str, Any]:
        types = self._shape["type"]
        return {**self._shape, "type": [*([types] if isinstance(types, str) else types), "null"]}


def has_shape(value: Any, shape: Mapping[str, Any]) -> bool:
    """Return whether the value, and each value in it that the shape describes, has one of its types.

    A shape may also have `anyOf`, `const`, `required`, and the `pattern` of a string.
    """
    if "anyOf" in shape:
        return any(has_shape(value, one) for one in shape["anyOf"])
    if "const" in shape:
        return bool(value == shape["const"])
    types = shape["type"]
    if not any(_IS_TYPE[name](value) for name in ([types] if isinstance(types, str) else types)):
        return False
    if isinstance(value, str):
        return "pattern" not in shape or re.search(shape["pattern"], value) is not None
    if isinstance(value, list) and "items" in shape:
        return all(has_shape(item, shape["items"]) for item in value)
    if isinstance(value, dict):
        properties, others = shape.get("properties", {}), shape.get("additionalProperties")
        if not value.keys() >= set(shape.get("required", ())):
            return False
        inner = [(value[name], properties[name]) for name in properties if name in value]
        inner += [(item, others) for item in value.values()] if others else []
        return all(has_shape(item, expected) for item, expected in inner)
    return True
