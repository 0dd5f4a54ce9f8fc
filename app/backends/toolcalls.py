"""Tool calls as OpenAI has them: a list, arguments as JSON in a text, and in streams the id and name once a call."""

from typing import Any
from uuid import uuid4

import orjson

from app.errors import UpstreamInvalidResponse


class ToolCalls:
    """Reads the tool calls of one answer, whose pieces belong together by the number of their choice and their own."""

    def __init__(self) -> None:
        self._ids: dict[tuple[int, Any], str] = {}

    def read(self, choice: int, part: dict[str, Any]) -> None:
        """Bring a part's `tool_calls` into OpenAI's shape; raise UpstreamInvalidResponse where they are none."""
        given = part["tool_calls"]
        calls = [given] if isinstance(given, dict) else given
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            raise UpstreamInvalidResponse
        for position, call in enumerate(calls):
            self._read_one(choice, position, call)
        part["tool_calls"] = calls

    def _read_one(self, choice: int, position: int, call: dict[str, Any]) -> None:
        function = call.get("function")
        if not isinstance(function, dict):
            raise UpstreamInvalidResponse
        function["arguments"] = _arguments(function)
        if function.get("name") is None:
            function.pop("name", None)
        call.setdefault("index", position)
        key = (choice, str(call["index"]))
        known, told = self._ids.get(key), call.pop("id", None)
        if known is not None and told in (None, "", known):  # OpenAI names a call in its first piece only
            call.pop("type", None)
            return
        self._ids[key] = call["id"] = str(told) if told not in (None, "") else f"call_{uuid4().hex}"
        call.setdefault("type", "function")


def _arguments(function: dict[str, Any]) -> str:
    """Return the arguments of a call as a text; older TGI has an object, under a name of its own."""
    given = function.pop("parameters", None)
    given = function.get("arguments", given)
    if isinstance(given, str):
        return given
    return "" if given is None else orjson.dumps(given).decode()
