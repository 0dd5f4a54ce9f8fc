"""Parses server-sent events (WHATWG HTML standard, section 9.2.6)."""

from collections.abc import Iterator

from app.errors import UpstreamInvalidResponse

# no event of a model is longer
MAX_EVENT_BYTES = 1024**2
READ_BYTES = 64 * 1024

_LINE_ENDS = (b"\n", b"\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventSplitter:
    """Splits a stream that arrives in chunks, cut anywhere, into the data of its events; ignores other fields."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        self._started = False
        self._after_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add the next chunk; return the data of each event that it completes.

        Raises UpstreamInvalidResponse for an event of more than MAX_EVENT_BYTES.
        """
        if self._after_return:  # a line feed after a carriage return belongs to the same line end
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        self._size += len(chunk)
        if self._size > MAX_EVENT_BYTES:
            raise UpstreamInvalidResponse
        if b"\n" not in chunk and b"\r" not in chunk:
            self._line.append(chunk)
            return []
        lines = chunk.splitlines()
        lines[0] = b"".join((*self._line, lines[0]))
        self._line = [] if chunk.endswith(_LINE_ENDS) else [lines.pop()]
        if not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        return self._events(lines)

    def end(self) -> list[bytes]:
        """Return the data of an event that the end of the stream cut off, if there is one.

        Many servers leave out the blank line after the last event; data that is cut off is invalid JSON.
        """
        return self._events([b"".join(self._line), b""])

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data = []
        if not self._data:  # otherwise the chunks of an event add up
            self._size = sum(map(len, self._line))
        return events


def iter_event_data(body: bytes) -> Iterator[bytes]:
    """Yield the data of each event of a complete event stream, including one that its end cuts off."""
    splitter = EventSplitter()
    for start in range(0, len(body), READ_BYTES):
        yield from splitter.feed(body[start : start + READ_BYTES])
    yield from splitter.end()
