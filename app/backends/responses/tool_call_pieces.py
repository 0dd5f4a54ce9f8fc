"""Entries of `tool_calls`: read as pieces of calls, and the calls that pieces add up to."""

from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from app.backends.responses.json_text import replace_halves, whole_characters
from app.backends.responses.normalize import as_index
from app.errors import UpstreamInvalidResponse

FUNCTION = "function"
# the field that holds the text of a call, by type; other types are passed on
_TEXTS = {FUNCTION: "arguments", "custom": "input"}


@dataclass(slots=True)
class Piece:
    """An entry. `kind` is the type of the call, "" if the entry shows none, and `text` its arguments or input.

    `index` is the position in the list if the entry has no index.
    """

    kind: str
    id: str
    index: int
    has_index: bool
    body: dict[str, Any]

    @classmethod
    def read(cls, entry: Any, position: int) -> Self:
        """Read an entry, and remove its id; raise UpstreamInvalidResponse if it is invalid."""
        if not isinstance(entry, dict):
            raise UpstreamInvalidResponse
        kind, body = _kind(entry), {}
        if isinstance(value := entry.get(kind), dict):
            body = value
        elif kind == FUNCTION and value is not None:
            raise UpstreamInvalidResponse
        if kind == FUNCTION and ("arguments" in body or "parameters" in body):
            body["arguments"] = _arguments(body)
        if not body.get("name"):
            body.pop("name", None)
        call_id, index = entry.pop("id", None), as_index(entry.get("index"), -1)
        return cls(kind, "" if call_id is None else str(call_id), position if index < 0 else index, index >= 0, body)

    @property
    def name(self) -> str | None:
        """The name of the function or tool."""
        return self.body.get("name")

    @property
    def text(self) -> str | None:
        """The arguments, or the input of a custom tool; None if the entry has no field for them."""
        value = self.body.get(_TEXTS.get(self.kind, ""))
        return value if isinstance(value, str) else None

    @property
    def opens(self) -> bool:
        """Whether the arguments are the beginning of a JSON object."""
        return self.kind == FUNCTION and (self.text or "").lstrip().startswith("{")


@dataclass(slots=True, eq=False)
class ToolCall:
    """A call. `next_id` is an id that came in the middle of it, and may belong to the next call.

    `named_again` means that its name was repeated after its arguments were complete.
    """

    index: int
    id: str
    kind: str
    name: str | None
    next_id: str = ""
    named_again: bool = False
    _texts: list[str] = field(default_factory=list)

    def add(self, text: str | None) -> None:
        """Add a fragment of the arguments."""
        if text:
            self._texts.append(text)

    @property
    def arguments(self) -> str:
        """The arguments so far; "" for types other than functions."""
        return "".join(self._texts) if self.kind == FUNCTION else ""

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are a JSON object, so that nothing can follow."""
        if not self._texts or not self._texts[-1].rstrip().endswith("}"):
            return False
        try:
            return isinstance(orjson.loads(whole_characters(self.arguments)), dict)
        except orjson.JSONDecodeError:
            return False

    @property
    def is_unfinished(self) -> bool:
        """Whether arguments have begun that are no JSON object yet."""
        return bool(self.arguments) and not self.is_complete


def normalize_function_call(part: dict[str, Any]) -> bool:
    """Turn the arguments of a `function_call`, which `tool_calls` replaced, into a string; return whether it did."""
    call = part["function_call"]
    if not isinstance(call, dict) or isinstance(call.get("arguments"), str | None):
        return False
    call["arguments"] = _arguments(call)
    return True


def _kind(entry: dict[str, Any]) -> str:
    kind = entry.get("type")
    if not isinstance(kind, str) or not kind:
        kind = FUNCTION if entry.get(FUNCTION) is not None else ""
    for name in (kind, FUNCTION, "custom"):
        if isinstance(entry.get(name), dict):
            return name
    return kind


def _arguments(function: dict[str, Any]) -> str:
    """Return the arguments of a call as a string; older TGI sends an object, under the name `parameters`."""
    value = function.pop("parameters", None)
    value = function.get("arguments", value)
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(replace_halves(value)).decode()
