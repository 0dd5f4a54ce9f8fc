"""Answers of upstreams that come whole, head and body in one piece, as most do: read at a tenth of the cost."""

import re
from collections.abc import Iterator

# at the first read of an answer; a longer one is read in pieces
FIRST_BYTES = 32 * 1024

# as RFC 9112 has them; what is not is for the standard library to make out
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n"
_HEAD = re.compile(rb"HTTP/1\.1 (?!204|304)([2-5]\d\d)(?: ([^\r\n\0]*))?\r\n((?:%b){1,100})\r\n" % _FIELD)
_LENGTH = re.compile(r"[0-9]{1,10}")
# with any of these there is more to do than to take so many bytes
_FRAMED_OTHERWISE = frozenset(("transfer-encoding", "content-encoding", "upgrade", "trailer"))


class BufferedResponse:
    """An answer that has been read, as far as `requests` and the readers of answers ask for what urllib3 gives."""

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
        """Return the body, and nothing from then on."""
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        """Do nothing: the connection is free already."""


def parse_buffered(received: bytes) -> BufferedResponse | None:
    """Return the answer to a GET or POST if just that was received, and its head says so in the plainest way."""
    head = _HEAD.match(received)
    if head is None:
        return None
    status, reason, block = head.groups(b"")
    lines = block.decode("latin-1").split("\r\n")[:-1]
    headers = {name.lower(): value.strip(" \t") for name, _, value in [line.partition(":") for line in lines]}
    length, kept = headers.get("content-length", ""), headers.get("connection", "keep-alive")
    if len(headers) < len(lines) or not _FRAMED_OTHERWISE.isdisjoint(headers) or kept.lower() != "keep-alive":
        return None
    body = received[head.end() :]
    if not _LENGTH.fullmatch(length) or len(body) != int(length):
        return None
    return BufferedResponse(int(status), reason.decode("latin-1"), headers, body)
