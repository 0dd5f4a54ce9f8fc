"""The JSON Schema of the data that a caller wants (draft 2020-12), and the faults of data under it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from app.backends.json_schemas.schema_bounds import require_bounded

MAX_FAULTS = 10
MAX_REASON_CHARS = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Fault:
    """A place in data that a schema refuses. `path` is a normalized JSONPath (RFC 9535), `$` for the data itself."""

    path: str
    reason: str


@dataclass(frozen=True)
class ObjectSchema:
    """A valid and bounded schema whose data is an object."""

    schema: Mapping[str, Any]

    @classmethod
    def load(cls, schema: Mapping[str, Any]) -> "ObjectSchema":
        """Return the schema of a caller; raise ValueError with a sentence that names the path of its fault.

        References lead to parts of the schema only: nothing is fetched.
        """
        schema = {"type": "object", **schema}
        if schema["type"] != "object":
            raise ValueError('The schema must have the type "object" at #/type.')
        require_bounded(schema)
        loaded = cls(schema)
        try:
            loaded._validator  # noqa: B018 - compiles the schema
        except ValidationError as error:
            path = "/".join(["#", *map(str, error.instance_path)])
            raise ValueError(f"The schema is invalid at {path}: {_shortened(error.message)}.") from None
        except ValueError:
            raise ValueError("The schema has an integer of more than 64 bits, or values nested too deeply.") from None
        return loaded

    @property
    def is_strict(self) -> bool:
        """Whether OpenAI's strict mode takes the schema: all properties are required, and no others are allowed."""
        return _is_strict(self.schema)

    def faults(self, data: Any) -> list[Fault]:
        """Return the first faults of data; formats, such as `date`, are checked."""
        found = []
        for error in self._validator.iter_errors(data):
            kind, path = error.kind, list(error.instance_path)
            if isinstance(kind, ValidationErrorKind.Required):
                path.append(kind.property)
            found.append(Fault(json_path(path), _shortened(error.message)))
            if len(found) == MAX_FAULTS:
                break
        return found

    @cached_property
    def _validator(self) -> Draft202012Validator:
        # these regular expressions take linear time, in place of look-around
        return Draft202012Validator(
            dict(self.schema), validate_formats=True, offline=True, pattern_options=RegexOptions()
        )


def json_path(path: Sequence[str | int]) -> str:
    """Return a path of names and indexes as JSONPath, such as `$.items[0].price`."""
    return "$" + "".join(_step(part) for part in path)


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _NAME.fullmatch(part) else "['{}']".format(part.replace("\\", "\\\\").replace("'", "\\'"))


def _is_strict(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = set(properties) if isinstance(properties, dict) else set()
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != names:
            return False
    return all(map(_is_strict, schema.values()))


def _shortened(message: str) -> str:
    return message if len(message) <= MAX_REASON_CHARS else f"{message[: MAX_REASON_CHARS - 1]}…"
