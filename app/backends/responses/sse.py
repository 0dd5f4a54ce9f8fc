"""Server-sent events, as the WHATWG HTML standard defines the format (section 9.2.6)."""

from collections.abc import Iterator

from app.errors import UpstreamInvalidResponse

# no event of a model is longer; what goes on and on is none
MAX_EVENT_BYTES = 1024**2
PIECE_BYTES = 64 * 1024

_LINE_ENDS = (b"\n", b"\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventSplitter:
    """Finds the data of each event in a stream that arrives in pieces, cut anywhere; leaves out all other fields."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False
        self._returned = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece in; return the data of each event that it ends.

        Raises UpstreamInvalidResponse for an event that has more than MAX_EVENT_BYTES.
        """
        if self._returned:  # a line feed after it belongs to the same line end
            piece = piece.removeprefix(b"\n")
        self._returned = piece.endswith(b"\r")
        self._size += len(piece)
        if self._size > MAX_EVENT_BYTES:
            raise UpstreamInvalidResponse
        if b"\n" not in piece and b"\r" not in piece:
            self._line.append(piece)
            return []
        lines = piece.splitlines()
        lines[0] = b"".join((*self._line, lines[0]))
        self._line = [] if piece.endswith(_LINE_ENDS) else [lines.pop()]
        if not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        return self._events(lines)

    def end(self) -> list[bytes]:
        """Return the data of the event that the end of the stream cut off, if there is any.

        The servers that send a last event without a blank line after it are many, and JSON that is cut shows itself.
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
        if not self._data:  # else the pieces of an event add up
            self._size = sum(map(len, self._line))
        return events


def event_data(body: bytes) -> Iterator[bytes]:
    """Yield the data of each event of a whole event stream, one that its end cuts off included."""
    splitter = EventSplitter()
    for start in range(0, len(body), PIECE_BYTES):
        yield from splitter.feed(body[start : start + PIECE_BYTES])
    yield from splitter.end()
