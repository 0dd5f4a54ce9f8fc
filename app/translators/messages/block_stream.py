"""Writes the content blocks of a stream, which follow each other in Anthropic's API: one ends before the next begins.

Chat completions may interleave calls of tools with each other and with texts. So anything that arrives within an
unfinished call is held until the end, and then becomes blocks of its own.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from app.translators.messages.results import SIGNATURE, tool_input

TEXT, THINKING = "text", "thinking"
_STARTS = {
    TEXT: {"type": TEXT, "text": ""},
    THINKING: {"type": THINKING, "thinking": "", "signature": ""},
}
_DELTAS = {TEXT: "text_delta", THINKING: "thinking_delta"}

# the end of every delta: of its text, its delta and its data
DELTA_END = b"}}\n\n"


def event(name: str, data: dict[str, Any]) -> bytes:
    """Return a server-sent event of Anthropic's API, whose data repeats its name."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **data}))


@dataclass(slots=True)
class _Call:
    """A call of a tool. `pieces` are its arguments so far; `is_object` is None until their first character is known."""

    id: str
    name: str
    pieces: list[str] = field(default_factory=list)
    is_object: bool | None = None

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    @property
    def is_complete(self) -> bool:
        try:
            return isinstance(orjson.loads(self.arguments), dict)
        except orjson.JSONDecodeError:
            return False


class BlockStream:
    """Turns the texts and calls of one response into events, which collect in `events` until they are taken."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.calls: dict[int, _Call] = {}
        self._index = -1
        self._open: str | int | None = None  # the kind of a text, or the index of a call
        self._prefix = b""
        self._held: dict[str | int, list[str]] = {}

    def take(self) -> bytes:
        """Return the events since the last call."""
        events, self.events = self.events, []
        return b"".join(events)

    def add_text(self, kind: str, text: str) -> None:
        """Add a text of the response, or of its thinking."""
        if self._open != kind:
            if self._holds():
                self._held.setdefault(kind, []).append(text)
                return
            self._open_text(kind)
        self.events.append(self._prefix + orjson.dumps(text) + DELTA_END)

    def add_call(self, piece: dict[str, Any]) -> None:
        """Add a piece of a call; those of other types than functions have no form in Anthropic's API."""
        function = piece.get("function")
        if function is None:
            return
        index = piece["index"]
        if (call := self.calls.get(index)) is None:
            call = self.calls[index] = _Call(piece["id"], function.get("name") or "")
            if call.name and not self._holds():
                self._open_call(index)
            else:
                self._held[index] = []
        call.name = call.name or function.get("name") or ""
        if self._open == index:
            self._write_arguments(call, function["arguments"])
        elif index in self._held:
            self._held[index].append(function["arguments"])

    def finish(self) -> None:
        """Write everything that was held, and end the last block."""
        for key, pieces in self._held.items():
            if isinstance(key, int):
                self._open_call(key)
                self._write_arguments(self.calls[key], "".join(pieces))
            else:
                self._open_text(key)
                self.events.append(self._prefix + orjson.dumps("".join(pieces)) + DELTA_END)
        self._held.clear()
        self._close()

    def _holds(self) -> bool:
        """Return whether another block must wait: a call is unfinished, or others wait for it already."""
        return bool(self._held) or (isinstance(self._open, int) and not self.calls[self._open].is_complete)

    def _open_text(self, kind: str) -> None:
        self._begin(kind, _DELTAS[kind], kind, _STARTS[kind])

    def _open_call(self, index: int) -> None:
        call = self.calls[index]
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        self._begin(index, "input_json_delta", "partial_json", block)

    def _begin(self, key: str | int, delta: str, name: str, block: dict[str, Any]) -> None:
        """End the open block and begin one; each delta of it has the same beginning, which is made once."""
        self._close()
        self._index += 1
        self._open = key
        head = event("content_block_delta", {"index": self._index, "delta": {"type": delta, name: ""}})
        self._prefix = head.removesuffix(b'""' + DELTA_END)
        self.events.append(event("content_block_start", {"index": self._index, "content_block": block}))

    def _close(self) -> None:
        if self._open is None:
            return
        if self._open == THINKING:
            delta = {"type": "signature_delta", "signature": SIGNATURE}
            self.events.append(event("content_block_delta", {"index": self._index, "delta": delta}))
        if isinstance(self._open, int):
            self._repair(self.calls[self._open])
        self.events.append(event("content_block_stop", {"index": self._index}))
        self._open = None

    def _write_arguments(self, call: _Call, text: str) -> None:
        """Send arguments as they arrive once they begin as an object; clients raise for others."""
        call.pieces.append(text)
        if call.is_object is None and (begin := text.lstrip()):
            text = begin
            call.is_object = begin.startswith("{")
        if call.is_object and text:
            self.events.append(self._prefix + orjson.dumps(text) + DELTA_END)

    def _repair(self, call: _Call) -> None:
        """Send arguments that are no object in the form of one."""
        if call.is_object is False and (repaired := tool_input(call.arguments)):
            self.events.append(self._prefix + orjson.dumps(orjson.dumps(repaired).decode()) + DELTA_END)
