"""Normalizes tool calls: a list, arguments as a JSON string, and in streams id and name only once per call."""

from typing import Any

import orjson

from app.errors import UpstreamInvalidResponse
from app.ids import new_id

# no response has more
MAX_CALLS = 1000


class ToolCalls:
    """Normalizes the tool calls of one choice; matches the fragments of a call by index and id."""

    def __init__(self) -> None:
        self._count = 0
        self._by_id: dict[tuple[int, str], int] = {}
        self._latest: dict[int, int] = {}

    def normalize(self, part: dict[str, Any]) -> None:
        """Bring a part's `tool_calls` into OpenAI's form; raise UpstreamInvalidResponse if they are invalid."""
        value = part["tool_calls"]
        calls = [value] if isinstance(value, dict) else value
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            raise UpstreamInvalidResponse
        for position, call in enumerate(calls):
            self._normalize_call(call, position)
        part["tool_calls"] = calls

    def _normalize_call(self, call: dict[str, Any], position: int) -> None:
        function = call.get("function")
        if not isinstance(function, dict):
            raise UpstreamInvalidResponse
        function["arguments"] = _arguments(function)
        if function.get("name") is None:
            function.pop("name", None)
        index, call_id = call.get("index"), call.pop("id", None)
        number = index if isinstance(index, int) else position
        known = self._find(number, "" if call_id is None else str(call_id), is_new=index is None and "name" in function)
        if known is not None:  # OpenAI names a call in its first fragment only
            call["index"] = known
            call.pop("type", None)
            function.pop("name", None)
            return
        if self._count >= MAX_CALLS:
            raise UpstreamInvalidResponse
        call["index"] = self._latest[number] = self._count
        call["id"] = str(call_id) if call_id not in (None, "") else f"call_{new_id()}"
        self._by_id[number, call["id"]] = self._count
        self._count += 1
        call.setdefault("type", "function")

    def _find(self, number: int, call_id: str, *, is_new: bool) -> int | None:
        """Return the index of the call that a fragment continues, None for the first fragment of a call."""
        if call_id:
            return self._by_id.get((number, call_id))
        return None if is_new else self._latest.get(number)


def _arguments(function: dict[str, Any]) -> str:
    """Return the arguments of a call as a string; older TGI sends an object, under the name `parameters`."""
    value = function.pop("parameters", None)
    value = function.get("arguments", value)
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
