"""The events of a stream of the Responses API: server-sent events, each with its type and its number."""

from typing import Any

import orjson


class EventLog:
    """Collects the events that the client is sent next. `place` of an event is where in the response it belongs."""

    def __init__(self) -> None:
        self._number = 0
        self._events: list[bytes] = []

    def add(self, kind: str, **fields: Any) -> None:
        """Add an event."""
        data = orjson.dumps({"type": kind, **fields, "sequence_number": self._number})
        self._events.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))
        self._number += 1

    def add_delta(self, head: bytes, text: str) -> None:
        """Add an event of `delta_head` with its text."""
        self._events.append(b'%b%b,"sequence_number":%d}\n\n' % (head, orjson.dumps(text), self._number))
        self._number += 1

    def take(self) -> bytes:
        """Return the collected events and forget them."""
        data = b"".join(self._events)
        self._events.clear()
        return data


def delta_head(kind: str, **fields: Any) -> bytes:
    """Return the common beginning of all events of one kind and place; most events of a stream have the same one."""
    return b'event: %b\ndata: %b,"delta":' % (kind.encode(), orjson.dumps({"type": kind, **fields})[:-1])
