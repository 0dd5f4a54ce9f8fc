"""The output of a response: the items of a chat completion, and their events in the order of the Responses API."""

from collections.abc import Mapping
from typing import Any

from app.ids import new_id
from app.translators.responses.call_items import CallItem, CustomCallItem
from app.translators.responses.envelope import is_incomplete
from app.translators.responses.event_log import EventLog
from app.translators.responses.logprobs import response_logprobs
from app.translators.responses.text_items import REASONING, REFUSAL, SUMMARY, TEXT, PartKind, TextItem
from app.translators.responses.tools import declared_tools

# spellings of the same field; some servers send both
_REASONING_FIELDS = ("reasoning_content", "reasoning")
# the index of a `function_call`, which tool calls replaced
_OLD_CALL = -1


class Output:
    """Turns the parts of a chat completion into items. An item ends when the next one begins.

    A call ends then only if its arguments are complete: the pieces of several calls may be interleaved.
    """

    def __init__(self, body: Mapping[str, Any], log: EventLog) -> None:
        self._log = log
        self._tools = declared_tools(body)
        self._reasoning = _reasoning_kind(body.get("reasoning") or {})
        self._items: list[dict[str, Any]] = []
        self._open: dict[int, TextItem | CallItem] = {}
        self._calls: dict[int, CallItem] = {}
        self._nameless: dict[int, dict[str, Any]] = {}
        self._text: TextItem | None = None

    def add(self, part: Mapping[str, Any], logprobs: Any) -> None:
        """Add the delta of a chunk, or a complete message."""
        for name in _REASONING_FIELDS:
            if (text := part.get(name)) and isinstance(text, str):
                self._add_text(self._reasoning, text, [])
                break
        if text := part.get("content"):
            self._add_text(TEXT, text, response_logprobs(logprobs) if logprobs else [])
        if (text := part.get("refusal")) and isinstance(text, str):
            self._add_text(REFUSAL, text, [])
        for position, call in enumerate(part.get("tool_calls") or ()):
            self._add_call(call.get("index", position), call)
        if (function := part.get("function_call")) and isinstance(function, dict):
            self._add_call(_OLD_CALL, {"id": f"call_{new_id()}", "function": function})

    def finish(self, reason: str | None) -> list[dict[str, Any]]:
        """End all items and return them in order. The finish reason says whether the last one was cut off."""
        for index, call in self._nameless.items():
            self._begin_call(index, call)
        if not self._items:
            self._add_text(TEXT, "", [])
        last = len(self._items) - 1
        for index in list(self._open):
            self._close(index, "incomplete" if index == last and is_incomplete(reason) else "completed")
        return self._items

    def _add_text(self, kind: PartKind, text: str, logprobs: list[Any]) -> None:
        item = self._text
        if item is None or kind not in item.kinds:
            item = self._text = TextItem(kind, self._log, self._next_index())
            self._open[len(self._items) - 1] = item
        item.add(kind, text, logprobs)

    def _add_call(self, index: int, call: Mapping[str, Any]) -> None:
        """Add a piece of a call. The call begins with the piece that has its name, which is the first of most calls."""
        function = call.get("function")
        if not isinstance(function, dict):
            return
        if (item := self._calls.get(index)) is not None:
            item.add(function["arguments"])
            return
        before = self._nameless.pop(index, None)
        arguments = function.get("arguments") or ""
        if before is not None:
            call = {**call, "id": before["id"]}
            arguments = before["function"]["arguments"] + arguments
        call = {"id": call["id"], "function": {"name": function.get("name"), "arguments": arguments}}
        if isinstance(function.get("name"), str):
            self._begin_call(index, call)
        else:
            self._nameless[index] = call

    def _begin_call(self, index: int, call: Mapping[str, Any]) -> None:
        name = call["function"]["name"] or ""
        tool = self._tools.get(name)
        make = CustomCallItem if tool and tool.is_custom else CallItem
        item = make(call["id"], name, tool, self._log, self._next_index())
        self._calls[index] = self._open[len(self._items) - 1] = item
        item.add(call["function"]["arguments"])

    def _next_index(self) -> int:
        """End the items that are complete, and return the index of the next one."""
        for index in [index for index, item in self._open.items() if item.is_complete]:
            self._close(index, "completed")
        self._text = None
        self._items.append({})
        return len(self._items) - 1

    def _close(self, index: int, status: str) -> None:
        self._items[index] = self._open.pop(index).close(status)


def _reasoning_kind(reasoning: Mapping[str, Any]) -> PartKind:
    """Return the form of reasoning: clients that ask for a summary show nothing else."""
    return SUMMARY if reasoning.get("summary") or reasoning.get("generate_summary") else REASONING
