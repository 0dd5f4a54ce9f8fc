"""Requests whose heads are as almost all are, read in one go; gunicorn's parser, for all others, takes each apart.

What it has for bodies copies them three times; one that came with its head is there already.
"""

import re
from io import BytesIO

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import Unreader

_HEAD = re.compile(
    rb"(GET|POST) (/(?!/)[A-Za-z0-9._~/-]{0,500}) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]{1,100}: [\x20-\x7e]{1,4000}\r\n){1,50})\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,15}")
# what has to be agreed on, or may not be there twice, is looked at more closely
_DECISIVE = frozenset(("EXPECT", "TRANSFER-ENCODING", "UPGRADE"))


class PlainRequest:
    """A request, with what is used here of gunicorn's; header names are in capitals."""

    version = (1, 1)
    scheme = "http"
    query = ""
    _expected_100_continue = False

    def __init__(self, method: str, path: str, headers: dict[str, str], body: BytesIO | Body) -> None:
        self.method = method
        self.path = path
        self.headers = headers.items()
        self.body = body
        self._must_close = headers.get("CONNECTION", "").lower() == "close"

    def force_close(self) -> None:
        """Have the connection close behind the answer."""
        self._must_close = True

    def should_close(self) -> bool:
        """Tell whether the connection closes behind the answer."""
        return self._must_close


def plain_request(data: bytes, unreader: Unreader) -> PlainRequest | None:
    """Return the request that begins with these bytes, None where it is not plain; what follows it is put back."""
    head = _HEAD.match(data)
    if head is None:
        return None
    method, path, block = head[0].decode("ascii").split(" ", 2)
    lines = [line.partition(": ") for line in block.split("\r\n")[1:-2]]
    headers = {name.upper(): value.strip(" ") for name, _, value in lines}
    length = headers.get("CONTENT-LENGTH", "0")
    if len(headers) < len(lines) or "HOST" not in headers or not _DECISIVE.isdisjoint(headers):
        return None
    if not _LENGTH.fullmatch(length):
        return None
    return PlainRequest(method, path, headers, _body(data[head.end() :], int(length), unreader))


def _body(received: bytes, length: int, unreader: Unreader) -> BytesIO | Body:
    if len(received) < length:
        unreader.unread(received)
        return Body(LengthReader(unreader, length))
    if len(received) > length:
        unreader.unread(received[length:])
    return BytesIO(received[:length])
