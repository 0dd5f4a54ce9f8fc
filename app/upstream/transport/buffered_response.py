"""Complete responses: if head and body arrive in the first read, they are parsed at a tenth of the cost."""

import re
from collections.abc import Iterator

# size of the first read; longer responses are read as streams
FIRST_READ_BYTES = 32 * 1024

# the grammar of RFC 9112; any other head is left to the standard library
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n"
_HEAD = re.compile(rb"HTTP/1\.1 (?!204|304)([2-5]\d\d)(?: ([^\r\n\0]*))?\r\n((?:%b){1,100})\r\n" % _FIELD)
_LENGTH = re.compile(r"[0-9]{1,10}")
# with one of these headers the body is more than Content-Length bytes to pass on
_COMPLEX_FRAMING = frozenset(("transfer-encoding", "content-encoding", "upgrade", "trailer"))


class BufferedResponse:
    """A response in memory, with the part of urllib3's interface that `requests` and this service use."""

    version = 11

    def __init__(self, status: int, reason: str, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self._body = body

    def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield the body."""
        yield self._body

    def read1(self, amt: int, decode_content: bool | None = None) -> bytes:
        """Return the body at the first call, and no bytes afterwards."""
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        """Do nothing: the connection is in its pool already."""


def parse_buffered(received: bytes) -> BufferedResponse | None:
    """Return the response to a GET or POST if exactly one was received in its plainest form, else None."""
    head = _HEAD.match(received)
    if head is None:
        return None
    status, reason, block = head.groups(b"")
    lines = block.decode("latin-1").split("\r\n")[:-1]
    headers = {name.lower(): value.strip(" \t") for name, _, value in [line.partition(":") for line in lines]}
    length, persistence = headers.get("content-length", ""), headers.get("connection", "keep-alive")
    if len(headers) < len(lines) or not _COMPLEX_FRAMING.isdisjoint(headers) or persistence.lower() != "keep-alive":
        return None
    body = received[head.end() :]
    if not _LENGTH.fullmatch(length) or len(body) != int(length):
        return None
    return BufferedResponse(int(status), reason.decode("latin-1"), headers, body)
