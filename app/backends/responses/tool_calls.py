"""Tool calls as OpenAI has them: a list, arguments as JSON in a text, and in streams the id and name once a call."""

from typing import Any

import orjson

from app.errors import UpstreamInvalidResponse
from app.ids import new_id

# no answer makes more
MOST_CALLS = 1000


class ToolCalls:
    """Reads the tool calls of one choice, and tells by their numbers and ids which pieces belong together."""

    def __init__(self) -> None:
        self._count = 0
        self._named: dict[tuple[int, str], int] = {}
        self._latest: dict[int, int] = {}

    def read(self, part: dict[str, Any]) -> None:
        """Bring a part's `tool_calls` into OpenAI's shape; raise UpstreamInvalidResponse where they are none."""
        given = part["tool_calls"]
        calls = [given] if isinstance(given, dict) else given
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            raise UpstreamInvalidResponse
        for position, call in enumerate(calls):
            self._read_one(call, position)
        part["tool_calls"] = calls

    def _read_one(self, call: dict[str, Any], position: int) -> None:
        function = call.get("function")
        if not isinstance(function, dict):
            raise UpstreamInvalidResponse
        function["arguments"] = _arguments(function)
        if function.get("name") is None:
            function.pop("name", None)
        given, told = call.get("index"), call.pop("id", None)
        number = given if isinstance(given, int) else position
        known = self._known(number, "" if told is None else str(told), is_new=given is None and "name" in function)
        if known is not None:  # OpenAI names a call in its first piece only
            call["index"] = known
            call.pop("type", None)
            function.pop("name", None)
            return
        if self._count >= MOST_CALLS:
            raise UpstreamInvalidResponse
        call["index"] = self._latest[number] = self._count
        call["id"] = str(told) if told not in (None, "") else f"call_{new_id()}"
        self._named[number, call["id"]] = self._count
        self._count += 1
        call.setdefault("type", "function")

    def _known(self, number: int, told: str, *, is_new: bool) -> int | None:
        """Return the place of the call that a piece goes on with, None for the first piece of one."""
        if told:
            return self._named.get((number, told))
        return None if is_new else self._latest.get(number)


def _arguments(function: dict[str, Any]) -> str:
    """Return the arguments of a call as a text; older TGI has an object, under a name of its own."""
    given = function.pop("parameters", None)
    given = function.get("arguments", given)
    if isinstance(given, str):
        return given
    return "" if given is None else orjson.dumps(given).decode()
