"""HTTP/1.1 to upstreams: urllib3's connections, with less done for each request.

What urllib3 does beside, for retries, redirects, proxies and bodies of other kinds than bytes, would take as long as
the exchange itself.
"""

import ssl
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from http.client import HTTPException
from select import POLLIN
from typing import Any

from gevent import monkey
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, ReadTimeoutError, SSLError
from urllib3.util import Timeout
from urllib3.util.ssl_match_hostname import CertificateError

from app.upstream.transport.buffered_response import FIRST_BYTES, BufferedResponse, parse_buffered
from app.upstream.transport.streaming_response import StreamingResponse

# never waits, so gevent's, which asks its loop, is not needed
_poll = monkey.get_original("select", "poll")


class _Exchanges:
    """A connection's ways to send a request and to read the head of its answer."""

    host: str
    port: int
    default_port: int
    sock: Any
    connect: Callable[[], None]
    close: Callable[[], None]

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a connection that the other end has neither closed nor sent anything on."""
        if self.sock is None:
            return False
        poll = _poll()
        poll.register(self.sock.fileno(), POLLIN)
        return not poll.poll(0)

    def exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float | None
    ) -> BaseHTTPResponse | BufferedResponse:
        """Send a request, read its answer or the head of it; at most so many seconds to send, or between two bytes."""
        self.sock.settimeout(seconds)
        with suppress(BrokenPipeError, ConnectionResetError):  # there may be an answer all the same
            data = self._head(method, path, headers) + (body or b"")
            sent = self.sock.send(data)
            if sent < len(data):  # gevent's own asks for the size of the buffer first, at each call
                self.sock.sendall(memoryview(data)[sent:])
        received = self.sock.recv(FIRST_BYTES)
        if answer := parse_buffered(received):
            return answer
        return self._begun(received, method)

    def _begun(self, received: bytes, method: str) -> BaseHTTPResponse:
        answer = StreamingResponse(received, self, method)
        try:
            answer.begin()
            head = (answer, answer.headers, answer.status, answer.version, "HTTP", answer.reason)
            begun = HTTPResponse(*head, preload_content=False, original_response=answer, request_method=method)
        except BaseException:
            answer.close()  # or it would keep the socket
            raise
        if answer.will_close:
            self.close()  # the answer keeps the socket until it is read
        return begun

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", self._host_line, *[f"{name}: {text}" for name, text in headers.items()]]
        head = "\r\n".join(lines)
        if head.count("\n") >= len(lines) or head.count("\r") >= len(lines):
            raise ValueError("a line break in a header")
        return head.encode("latin-1") + b"\r\n\r\n"

    @cached_property
    def _host_line(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"Host: {host if self.port == self.default_port else f'{host}:{self.port}'}"


class _Connection(_Exchanges, HTTPConnection):
    pass


class _TLSConnection(_Exchanges, HTTPSConnection):
    @property
    def is_connected(self) -> bool:
        """Tell it of what was decrypted too."""
        return super().is_connected and not self.sock.pending()


class _Pooling:
    """Keeps the connections to one host; how many there are is up to the bulkhead."""

    _new_conn: Callable[[], Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: deque[Any] = deque()

    def urlopen(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        timeout: Timeout,
        **_options: Any,
    ) -> BaseHTTPResponse | BufferedResponse:
        """Return an answer, maybe without its body yet; raise what `requests` translates where there is none."""
        connection = self._kept.pop() if self._kept else self._new_conn()
        try:
            if not connection.is_connected:
                self._connect(connection, url, timeout.connect_timeout)
            answer = connection.exchange(method, url, body, headers, timeout.read_timeout)
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError):
                raise ReadTimeoutError(self, url, "Read timed out.") from error  # type: ignore[arg-type]  # it is a pool
            if isinstance(error, HTTPException):
                raise ProtocolError("Connection aborted.", error) from error
            raise
        if isinstance(answer, BufferedResponse):
            self._put_conn(connection)
        else:
            answer._connection, answer._pool = connection, self  # as urllib3 does
        return answer

    def _connect(self, connection: Any, url: str, seconds: Any) -> None:
        connection.close()
        connection.timeout = seconds
        try:
            connection.connect()
        except (ssl.SSLError, CertificateError) as error:
            raise MaxRetryError(self, url, SSLError(error)) from error  # type: ignore[arg-type]  # it is a pool
        except HTTPError as error:
            raise MaxRetryError(self, url, error) from error  # type: ignore[arg-type]  # it is a pool

    def _put_conn(self, connection: Any) -> None:
        """Keep a connection whose answer has been read."""
        self._kept.append(connection)


class HTTPPool(_Pooling, HTTPConnectionPool):  # type: ignore[misc]  # `urlopen` takes less
    """Connections without TLS."""

    ConnectionCls = _Connection  # type: ignore[assignment]  # an `exchange` in place of `request`


class HTTPSPool(_Pooling, HTTPSConnectionPool):  # type: ignore[misc]  # `urlopen` takes less
    """Connections with TLS, verified."""

    ConnectionCls = _TLSConnection  # type: ignore[assignment]  # an `exchange` in place of `request`
