"""Parses server-sent events (WHATWG HTML standard, section 9.2.6), or a body that is one JSON document instead."""

from collections.abc import Iterator

from app.backends.responses.json_text import parse_json
from app.errors import UpstreamInvalidResponse

# no event of a model is longer
MAX_EVENT_BYTES = 1024**2
READ_BYTES = 64 * 1024
DONE = b"[DONE]"

_LINE_ENDS = (b"\n", b"\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_json_document(body: bytes) -> bool:
    """Return whether a body begins as an object or array, which no event does; its label may say something else."""
    return body.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith((b"{", b"["))


class EventSplitter:
    """Splits a stream that arrives in chunks, cut anywhere, into the data of its events; ignores other fields.

    Blank lines end events, as the standard says, and so does the end of a JSON object: some servers leave the lines
    out. A stream that is one JSON document is returned at its end; then `is_document` is True.
    """

    def __init__(self, max_document_bytes: int = MAX_EVENT_BYTES, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.is_document = False
        self._max_document_bytes = max_document_bytes
        self._max_event_bytes = max_event_bytes
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        self._started = False
        self._after_return = False
        self._may_be_whole = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add the next chunk; return the data of each event that it completes.

        Raises UpstreamInvalidResponse for a longer event or document than allowed.
        """
        if self._after_return:  # a line feed after a carriage return belongs to the same line end
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        if not self._started:
            chunk = self._start(chunk)
        self._size += len(chunk)
        if self._size > (self._max_document_bytes if self.is_document else self._max_event_bytes):
            raise UpstreamInvalidResponse
        if self.is_document or (b"\n" not in chunk and b"\r" not in chunk):
            self._line.append(chunk)
            return []
        lines = chunk.splitlines()
        lines[0] = b"".join((*self._line, lines[0]))
        self._line = [] if chunk.endswith(_LINE_ENDS) else [lines.pop()]
        return self._events(lines)

    def end(self) -> list[bytes]:
        """Return the document, or the data of an event that the end of the stream cut off, if there is one.

        Many servers leave out the blank line after the last event; data that is cut off is invalid JSON.
        """
        rest = b"".join(self._line)
        return [rest] if self.is_document else self._events([rest, b""])

    def _start(self, chunk: bytes) -> bytes:
        """Return the beginning of the stream without a byte order mark, and without blanks that it starts with."""
        beginning = b"".join((*self._line, chunk))
        rest = beginning.removeprefix(_BYTE_ORDER_MARK).lstrip()
        self._line = []
        if not rest or _BYTE_ORDER_MARK.startswith(beginning):
            return beginning if _BYTE_ORDER_MARK.startswith(beginning) else b""
        self._started = True
        self.is_document = is_json_document(rest)
        return rest

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                if self._is_whole():
                    self._end_event(events)
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                self._end_event(events)
        if self._is_whole():
            self._end_event(events)
        if not self._data:  # otherwise the chunks of an event add up
            self._size = sum(map(len, self._line))
        return events

    def _end_event(self, events: list[bytes]) -> None:
        events.append(b"\n".join(self._data))
        self._data = []
        self._may_be_whole = True

    def _is_whole(self) -> bool:
        """Return whether the lines so far are one JSON object, or the terminal event; looks once at each event."""
        if not self._data or not self._may_be_whole or not self._data[-1].rstrip().endswith((b"}", DONE)):
            return False
        data = b"\n".join(self._data).strip()
        try:
            is_whole = data == DONE or (data.startswith(b"{") and isinstance(parse_json(data)[0], dict))
        except ValueError:
            is_whole = False
        self._may_be_whole = is_whole
        return is_whole


def iter_event_data(body: bytes, max_event_bytes: int = MAX_EVENT_BYTES) -> Iterator[bytes]:
    """Yield the data of each event of a complete event stream, including one that its end cuts off."""
    splitter = EventSplitter(max_event_bytes=max_event_bytes)
    for start in range(0, len(body), READ_BYTES):
        yield from splitter.feed(body[start : start + READ_BYTES])
    yield from splitter.end()
