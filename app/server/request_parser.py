"""Reads the requests of one connection, and yields to other connections meanwhile.

Plain requests are parsed at once (plain_request.py); gunicorn's parser reads the others, with stricter rules.
"""

import math
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine, InvalidRequestMethod
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

from app.fairness import CoopBudget
from app.server.client_socket import ClientSocket
from app.server.plain_request import CONTENT_LENGTH, connection_options, plain_request

# of the request line and the headers together, and of trailers; gunicorn limits each line and their number only
MAX_HEAD_BYTES = 64 * 1024
MAX_VERSION = (1, 1)
# gunicorn discards in steps of 1 KiB, and copies its buffer at each step
DISCARD_BYTES = 64 * 1024


class _Unreader(SocketUnreader):
    """Reads within a CoopBudget, in chunks that are small enough to copy: gunicorn copies its buffer at each read."""

    max_body_chunk = DISCARD_BYTES
    at_end = False

    def __init__(self, connection: ClientSocket) -> None:
        super().__init__(connection)
        self.budget = CoopBudget()

    def chunk(self, size_hint: int | None = None) -> bytes:
        with self.budget:
            received: bytes = super().chunk(size_hint)
        self.at_end = not received
        return received


class _StrictRequest(Request):
    """Refuses requests that gunicorn accepts, but that a proxy in front of the service may read differently."""

    version: tuple[int, int]

    def parse(self, unreader: _Unreader) -> Any:
        self.max_buffer_headers = MAX_HEAD_BYTES
        return super().parse(unreader)

    def _peer_is_trusted_proxy(self) -> bool:
        """Trust no peer to change scheme and routing; TRUSTED_PROXIES is applied by the app."""
        return False

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Read a higher minor version as the highest that the server supports (RFC 9110, section 2.5)."""
        super().parse_request_line(line_bytes)
        self.version = min(self.version, MAX_VERSION)

    def should_close(self) -> bool:
        """Return whether the connection closes after the response (RFC 9112, section 9.3)."""
        options = connection_options(",".join(value for name, value in self.headers if name == "CONNECTION"))
        if self.must_close or self.method == "CONNECT" or "close" in options:
            return True
        return self.version < MAX_VERSION and "keep-alive" not in options

    def set_body_reader(self) -> None:
        names = [name for name, _ in self.headers]
        if "TRANSFER-ENCODING" in names:
            codings = [value.lower() for name, value in self.headers if name == "TRANSFER-ENCODING"]
            if codings != ["chunked"]:
                raise InvalidHeader("TRANSFER-ENCODING", req=self)
        # a proxy may read a length beyond 64 bits as another one: HAProxy 2.6 reads 2^64 as 0
        if not all(CONTENT_LENGTH.fullmatch(value) for name, value in self.headers if name == "CONTENT-LENGTH"):
            raise InvalidHeader("CONTENT-LENGTH", req=self)
        # the bytes after the head of a CONNECT are data of a tunnel to some readers, whatever the head says
        if self.method == "CONNECT" and not {"CONTENT-LENGTH", "TRANSFER-ENCODING"}.isdisjoint(names):
            raise InvalidRequestMethod(self.method)
        if self.version >= (1, 1) and "HOST" not in names:  # RFC 9112, section 3.2
            raise InvalidHeader("HOST", req=self)
        if "#" in self.uri or self.path.startswith("//"):  # Werkzeug reads //x as /x
            raise InvalidRequestLine(self.uri)
        super().set_body_reader()


def snapshot_settings(cfg: Any) -> SimpleNamespace:
    """Return gunicorn's settings as plain attributes, with the parser that StrictRequestParser extends."""
    # gunicorn looks a setting up at each access, about 20 times a request: 10 to 20 thousand instructions
    settings = {name: setting.get() for name, setting in cfg.settings.items()}
    # the fast parser accepts a bare LF and folded headers; GUNICORN_CMD_ARGS could select it
    settings["http_parser"] = "python"
    return SimpleNamespace(**settings, is_ssl=cfg.is_ssl)


def unread_bytes(body: Any) -> float:
    """Return how many bytes of a body are left to read; infinity if their number is unknown or the body has failed."""
    if isinstance(body, BytesIO):  # it came with the head
        return 0
    reader, failed = body.reader, body.failed
    if isinstance(reader, LengthReader):
        return math.inf if failed or reader.unreader.at_end else reader.length
    at_end = isinstance(reader, ChunkedReader) and reader.parser is None
    return 0 if at_end and not failed else math.inf


class StrictRequestParser(RequestParser):
    """An iterator over the requests of one connection."""

    mesg: Any
    mesg_class = _StrictRequest

    def __init__(self, cfg: Any, connection: ClientSocket, address: Any) -> None:
        super().__init__(cfg, connection, address)
        self.unreader = _Unreader(connection)

    def __next__(self) -> Any:
        """Return the next request, once the body of the last one is consumed; StopIteration if the client has ended."""
        data = self.unreader.read()
        if not data:
            raise StopIteration
        request = plain_request(data, self.unreader)
        if request is None:
            self.unreader.unread(data)
            return super().__next__()
        self.req_count += 1
        self.mesg = request
        return request

    @property
    def body_consumed(self) -> bool:
        """Whether the last body is read to its end; False if that is unknown without a read."""
        return self.mesg is None or not unread_bytes(self.mesg.body)

    def finish_body(self, deadline: float | None = None, max_bytes: float = math.inf) -> bool:
        """Discard the rest of the last body; return False if its end is not reached in time or within `max_bytes`.

        Raises ParseException if the rest is malformed. `deadline` is unused: the connection has its own.
        """
        discarded = 0
        while not self.body_consumed:
            if self.mesg.body.failed or discarded > max_bytes:
                return False
            try:
                chunk = self.mesg.body.read(DISCARD_BYTES)
            except TimeoutError:
                return False
            if not chunk:
                return self.body_consumed
            discarded += len(chunk)
        return True

    @property
    def budget(self) -> CoopBudget:
        """The time that reading this connection may take before it yields."""
        return self.unreader.budget

    @property
    def has_buffered_data(self) -> bool:
        """Whether bytes after the last request have been received."""
        return bool(self.unreader.buf.getbuffer().nbytes)
