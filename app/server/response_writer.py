"""How answers are written to a connection: by gunicorn's response, but with fewer packets."""

import logging
import time
from functools import lru_cache
from typing import Any

from gunicorn.http.errors import InvalidResponseHeader
from gunicorn.http.wsgi import Response
from gunicorn.util import http_date

logger = logging.getLogger(__name__)

LAST_CHUNK = b"0\r\n\r\n"


class ResponseWriter(Response):
    """Sends the head together with the first piece of the body: gunicorn sends each for itself."""

    headers_sent: bool
    _pending_head = b""

    def run(self, app: Any, environ: dict[str, Any]) -> None:
        """Have a WSGI app answer; raise what it raises, unless its answer has begun: then the connection closes."""
        try:
            pieces = app(environ, self.start_response)
            try:
                for piece in pieces:
                    self.write(piece)
                self.close()
            finally:
                if close := getattr(pieces, "close", None):
                    close()
        except OSError:
            raise
        except Exception:
            if not self.headers_sent:
                raise
            logger.exception("an answer broke off")  # a second one would corrupt it
            self.force_close()

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Take the app's headers, none of which is for the connection; gunicorn takes each of them apart.

        Raises InvalidResponseHeader for a value that ends its line: who wrote it could write another header.
        """
        values = "".join([value for _, value in headers])
        if "\n" in values or "\r" in values:
            raise InvalidResponseHeader("a line break")
        self.headers = headers
        if length := dict(headers).get("Content-Length"):
            self.response_length = int(length)

    def default_headers(self) -> list[str]:
        """Return the lines that begin every answer."""
        version, framing = self.req.version, "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        connection = "close" if self.should_close() else "keep-alive"
        return [
            f"HTTP/{version[0]}.{version[1]} {self.status}\r\nServer: {self.version}\r\n"
            f"Date: {_date(int(time.time()))}\r\nConnection: {connection}\r\n{framing}"
        ]

    def send_headers(self) -> None:
        """Make the head; it goes out with what comes next, and until then there may be another answer."""
        if not self.headers_sent:
            lines = [*self.default_headers(), *[f"{name}: {value}\r\n" for name, value in self.headers], "\r\n"]
            self._pending_head = "".join(lines).encode("latin-1")

    def close(self) -> None:
        """Send what is left."""
        self.send_headers()
        self._send(LAST_CHUNK if self.chunked else b"")

    def _emit_body(self, data: bytes) -> None:
        self._send(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def _send(self, data: bytes) -> None:
        data, self._pending_head = self._pending_head + data, b""
        if data:
            self.headers_sent = True
            self.sock.sendall(data)


@lru_cache(1)
def _date(second: int) -> Any:
    return http_date(second)
