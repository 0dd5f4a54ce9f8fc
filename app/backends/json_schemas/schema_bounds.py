"""Bounds the JSON Schemas of callers: a few hundred bytes of them can keep a validator busy for hours.

A schema is measured as if it were written out: each reference counts as much as the schema that it refers to. A schema
that refers to itself may do so once for each place in the data: two references for one place double the work with each
level of the data.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson

MAX_BYTES = 64 * 1024
MAX_SIZE = 2_000
MAX_DEPTH = 64

# their values are data, not schemas
_DATA = frozenset({"const", "enum", "default", "examples", "required", "type", "$vocabulary"})
# their values are schemas by name
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})
_DEFINITIONS = frozenset({"$defs", "definitions"})
# they name schemas in another way than by their path, or turn the same path into another schema
_OTHER_NAMES = ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor")


def require_bounded(schema: Mapping[str, Any]) -> None:
    """Raise ValueError with a sentence for a schema that is too large, refers to another document, or branches."""
    size = len(orjson.dumps(schema))
    if size > MAX_BYTES:
        raise ValueError(f"The schema has {size} bytes; at most {MAX_BYTES} are accepted.")
    _Measure(schema).of(schema, "", 0)


class _Measure:
    """Measures each part of a schema: its size, and how often it refers to a schema around it for one place."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[str, tuple[int, int]] = {"#": (1, 1)}

    def of(self, schema: Any, path: str, depth: int) -> tuple[int, int]:
        if depth > MAX_DEPTH:
            raise ValueError(f"The schema has more than {MAX_DEPTH} levels.")
        if not isinstance(schema, dict):
            return (1 + len(schema) if isinstance(schema, list) else 1), 0
        found = [self._keyword(name, value, f"{path}/{name}", depth + 1) for name, value in schema.items()]
        size, recursions = 1 + sum(size for size, _ in found), sum(count for _, count in found)
        if size > MAX_SIZE:
            raise ValueError(f"The schema has more than {MAX_SIZE} parts when its references are written out.")
        if recursions > 1:
            raise ValueError(f"The schema refers to itself several times for one place, at #{path}.")
        return size, recursions

    def _keyword(self, name: str, value: Any, path: str, depth: int) -> tuple[int, int]:
        if name in _OTHER_NAMES:
            raise ValueError(
                f"The schema has {name} at #{path}; use $ref with a path within the schema, such as #/$defs/a."
            )
        if name == "$ref":
            return self._reference(value, path, depth)
        if name in _DEFINITIONS:
            return 0, 0
        if name in _DATA or not isinstance(value, dict | list):
            return (1 + len(value) if isinstance(value, list | dict) else 1), 0
        if name in _NAMED and isinstance(value, dict):
            return self._each(value, path, depth, max if name == "properties" else sum)
        if isinstance(value, list):
            parts = {str(index): part for index, part in enumerate(value)}
            return self._each(parts, path, depth, max if name == "prefixItems" else sum)
        return self.of(value, path, depth)

    def _each(self, schemas: Mapping[str, Any], path: str, depth: int, combine: Any) -> tuple[int, int]:
        found = [self.of(schema, f"{path}/{name}", depth + 1) for name, schema in schemas.items()]
        return 1 + sum(size for size, _ in found), combine([0, *(count for _, count in found)])

    def _reference(self, reference: Any, path: str, depth: int) -> tuple[int, int]:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise ValueError(f"The schema has a reference at #{path} that leads out of it; use one such as #/$defs/a.")
        if reference not in self._known:
            self._known[reference] = (1, 1)  # within itself
            size, recursions = self.of(self._target(reference, path), reference[1:], depth + 1)
            self._known[reference] = (size, recursions)
        return self._known[reference]

    def _target(self, reference: str, path: str) -> Any:
        target: Any = self._root
        for part in unquote(reference).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and name.isdecimal() and int(name) < len(target):
                target = target[int(name)]
            elif isinstance(target, dict) and name in target:
                target = target[name]
            else:
                raise ValueError(f"The schema has no {reference}, which it refers to at #{path}.")
        return target
