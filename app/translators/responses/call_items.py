"""Output items of tool calls, and their events as they grow."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from app.ids import new_id
from app.translators.responses.event_log import EventLog, delta_head
from app.translators.responses.tools import CUSTOM_ARGUMENT, Tool

_INPUT_BEGINS = re.compile(rf'\s*\{{\s*"{CUSTOM_ARGUMENT}"\s*:\s*"')
_CUT_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{0,3})?$")


class CallItem:
    """A call of a function. `tool` is what the client declared; None if the model made the name up."""

    id_prefix = "fc_"

    def __init__(self, call_id: str, name: str, tool: Tool | None, log: EventLog, index: int) -> None:
        self._id = f"{self.id_prefix}{new_id()}"
        self._call_id = call_id
        self._name = tool.name if tool else name
        self._namespace = {"namespace": tool.namespace} if tool and tool.namespace else {}
        self._arguments: list[str] = []
        self._log = log
        self._index = index
        self._place = {"item_id": self._id, "output_index": index}
        self._head = delta_head("response.function_call_arguments.delta", **self._place)
        log.add("response.output_item.added", output_index=index, item=self._item("", "in_progress"))

    @property
    def arguments(self) -> str:
        """The arguments so far."""
        return "".join(self._arguments)

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are a JSON object, so that nothing can follow."""
        return _object(self.arguments) is not None

    def add(self, arguments: str) -> None:
        """Add a piece of the arguments."""
        if arguments:
            self._arguments.append(arguments)
            self._add_delta(arguments)

    def close(self, status: str) -> dict[str, Any]:
        """End the item and return it."""
        item = self._item(self.arguments, status)
        self._add_done(item)
        self._log.add("response.output_item.done", output_index=self._index, item=item)
        return item

    def _add_delta(self, text: str) -> None:
        self._log.add_delta(self._head, text)

    def _add_done(self, item: Mapping[str, Any]) -> None:
        fields = {"name": self._name, "arguments": item["arguments"]}
        self._log.add("response.function_call_arguments.done", **self._place, **fields)

    def _item(self, arguments: str, status: str) -> dict[str, Any]:
        own = {"id": self._id, "type": "function_call", "status": status}
        return {**own, "call_id": self._call_id, "name": self._name, **self._namespace, "arguments": arguments}


class CustomCallItem(CallItem):
    """A call of a custom tool. Its input is inside of JSON until the call is complete, so it is sent in one event."""

    id_prefix = "ctc_"

    def _add_delta(self, text: str) -> None:
        """Wait for the complete input."""

    def _add_done(self, item: Mapping[str, Any]) -> None:
        kind = "response.custom_tool_call_input"
        if item["input"]:
            self._log.add(f"{kind}.delta", **self._place, delta=item["input"])
        self._log.add(f"{kind}.done", **self._place, input=item["input"])

    def _item(self, arguments: str, status: str) -> dict[str, Any]:
        own = {"id": self._id, "type": "custom_tool_call", "status": status}
        text = custom_input(arguments)
        return {**own, "call_id": self._call_id, "name": self._name, **self._namespace, "input": text}


def custom_input(arguments: str) -> str:
    """Return the input of a custom tool from the arguments of its function, which may be cut or of another form."""
    parsed = _object(arguments)
    if parsed is not None:
        value = parsed.get(CUSTOM_ARGUMENT, next(iter(parsed.values()), "") if len(parsed) == 1 else None)
        return value if isinstance(value, str) else arguments
    if begin := _INPUT_BEGINS.match(arguments):
        return _cut_string(arguments[begin.end() :])
    return arguments


def _cut_string(text: str) -> str:
    """Return the value of a JSON string without its end."""
    try:
        value: str = orjson.loads(f'"{_CUT_ESCAPE.sub("", text)}"')
    except orjson.JSONDecodeError:
        return text
    return value


def _object(arguments: str) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None
