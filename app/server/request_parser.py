"""How requests are read off a connection, in turns with other connections.

Plain ones are read in one go (plainrequest.py), others by gunicorn's parser, but stricter.
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

# of request line and headers, and of trailers; gunicorn's own limit is the product of its two others
MAX_HEAD_BYTES = 64 * 1024


class _Unreader(SocketUnreader):
    """Reads in turns, and no more at once than is copied in a moment: gunicorn copies all it holds at each read."""

    max_body_chunk = 64 * 1024

    def __init__(self, connection: ClientSocket) -> None:
        super().__init__(connection)
        self.turns = CoopBudget()

    def chunk(self, size_hint: int | None = None) -> bytes:
        with self.turns:
            received: bytes = super().chunk(size_hint)
        return received


class _Request(Request):
    """Refuses what a proxy before us may understand otherwise, though gunicorn would serve it."""

    def parse(self, unreader: _Unreader) -> Any:
        self.max_buffer_headers = MAX_HEAD_BYTES
        return super().parse(unreader)

    def _peer_is_trusted_proxy(self) -> bool:
        """Nobody may set what gunicorn takes from proxies; see TRUSTED_PROXIES."""
        return False

    def set_body_reader(self) -> None:
        names = [name for name, _ in self.headers]
        if "TRANSFER-ENCODING" in names:
            codings = [value.lower() for name, value in self.headers if name == "TRANSFER-ENCODING"]
            if codings != ["chunked"]:
                raise InvalidHeader("TRANSFER-ENCODING", req=self)
        if self.version >= (1, 1) and "HOST" not in names:  # RFC 9112, 3.2
            raise InvalidHeader("HOST", req=self)
        if "#" in self.uri or self.path.startswith("//"):  # Werkzeug reads //x as /x
            raise InvalidRequestLine(self.uri)
        super().set_body_reader()


def snapshot_settings(cfg: Any) -> SimpleNamespace:
    """Return gunicorn's settings as plain attributes; its own are looked up anew at each access, 20 for a request."""
    return SimpleNamespace(**{name: setting.get() for name, setting in cfg.settings.items()}, is_ssl=cfg.is_ssl)


class StrictRequestParser(RequestParser):
    """The requests of one connection, one after the other."""

    mesg: Any
    mesg_class = _Request

    def __init__(self, cfg: Any, connection: ClientSocket, address: Any) -> None:
        super().__init__(cfg, connection, address)
        self.unreader = _Unreader(connection)

    def __next__(self) -> Any:
        """Return the next request; the one before has been read to its end.

        Raises StopIteration where the caller has ended.
        """
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
        """Whether nothing is left of the last body, as far as that can be told without reading."""
        if self.mesg is None:
            return True
        body = self.mesg.body
        if isinstance(body, BytesIO):  # which came with the head
            return True
        return isinstance(body.reader, LengthReader) and not body.reader.length and not body.failed

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Read what is left of the last body; tell False where it was not read to its end."""
        return self.body_consumed or bool(super().finish_body(deadline, max_bytes))

    @property
    def turns(self) -> CoopBudget:
        """The turns in which the connection is read."""
        return self.unreader.turns

    def has_buffered_data(self) -> bool:
        """Tell whether what was read goes on behind the last request."""
        return bool(self.unreader.buf.getbuffer().nbytes)
