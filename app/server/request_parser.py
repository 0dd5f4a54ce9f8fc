"""Reads the requests of one connection, and yields to other connections meanwhile.

Plain requests are parsed at once (plain_request.py); gunicorn's parser reads the others, with stricter rules.
"""

from io import BytesIO
from types import SimpleNamespace
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

from app.fairness import CoopBudget
from app.server.client_socket import ClientSocket
from app.server.plain_request import plain_request

# of the request line and the headers together, and of trailers; gunicorn limits each line and their number only
MAX_HEAD_BYTES = 64 * 1024


class _Unreader(SocketUnreader):
    """Reads within a CoopBudget, in chunks that are small enough to copy: gunicorn copies its buffer at each read."""

    max_body_chunk = 64 * 1024

    def __init__(self, connection: ClientSocket) -> None:
        super().__init__(connection)
        self.budget = CoopBudget()

    def chunk(self, size_hint: int | None = None) -> bytes:
        with self.budget:
            received: bytes = super().chunk(size_hint)
        return received


class _StrictRequest(Request):
    """Refuses requests that gunicorn accepts, but that a proxy in front of the service may read differently."""

    def parse(self, unreader: _Unreader) -> Any:
        self.max_buffer_headers = MAX_HEAD_BYTES
        return super().parse(unreader)

    def _peer_is_trusted_proxy(self) -> bool:
        """Trust no peer to change scheme and routing; TRUSTED_PROXIES is applied by the app."""
        return False

    def set_body_reader(self) -> None:
        names = [name for name, _ in self.headers]
        if "TRANSFER-ENCODING" in names:
            codings = [value.lower() for name, value in self.headers if name == "TRANSFER-ENCODING"]
            if codings != ["chunked"]:
                raise InvalidHeader("TRANSFER-ENCODING", req=self)
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
        if self.mesg is None:
            return True
        body = self.mesg.body
        if isinstance(body, BytesIO):  # it came with the head
            return True
        return isinstance(body.reader, LengthReader) and not body.reader.length and not body.failed

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Discard the rest of the last body; return False if its end was not reached."""
        return self.body_consumed or bool(super().finish_body(deadline, max_bytes))

    @property
    def budget(self) -> CoopBudget:
        """The time that reading this connection may take before it yields."""
        return self.unreader.budget

    @property
    def has_buffered_data(self) -> bool:
        """Whether bytes after the last request have been received."""
        return bool(self.unreader.buf.getbuffer().nbytes)
