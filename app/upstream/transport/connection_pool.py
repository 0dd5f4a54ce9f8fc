"""HTTP/1.1 connections to upstreams: urllib3's, with less work for each request.

urllib3 also supports retries, redirects, proxies and bodies of other types than bytes. Supporting them takes as long
as the round trip itself. README.md in this folder lists each override.
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

from app.upstream.transport.buffered_response import FIRST_READ_BYTES, BufferedResponse, parse_buffered
from app.upstream.transport.streaming_response import StreamingResponse

# gevent's poll asks the event loop; a poll that never waits needs no loop
_poll = monkey.get_original("select", "poll")


class _RoundTrip:
    """Sends a request on a connection and reads the head of its response."""

    host: str
    port: int
    default_port: int
    sock: Any
    connect: Callable[[], None]
    close: Callable[[], None]

    @property
    def is_connected(self) -> bool:
        """True if there is a connection that the upstream has neither closed nor sent unexpected bytes on."""
        if self.sock is None:
            return False
        poll = _poll()
        poll.register(self.sock.fileno(), POLLIN)
        return not poll.poll(0)

    def round_trip(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float | None
    ) -> BaseHTTPResponse | BufferedResponse:
        """Send a request and return its response; `seconds` limits the sending, and each wait for bytes."""
        self.sock.settimeout(seconds)
        with suppress(BrokenPipeError, ConnectionResetError):  # the upstream may have responded before it closed
            data = self._head(method, path, headers) + (body or b"")
            sent = self.sock.send(data)
            if sent < len(data):  # gevent's sendall would read the size of the socket's buffer at each call
                self.sock.sendall(memoryview(data)[sent:])
        received = self.sock.recv(FIRST_READ_BYTES)
        if response := parse_buffered(received):
            return response
        return self._start_streaming_response(received, method)

    def _start_streaming_response(self, received: bytes, method: str) -> BaseHTTPResponse:
        streaming = StreamingResponse(received, self, method)
        try:
            streaming.begin()
            response = HTTPResponse(
                body=streaming,
                headers=streaming.headers,
                status=streaming.status,
                version=streaming.version,
                reason=streaming.reason,
                preload_content=False,
                original_response=streaming,
                request_method=method,
            )
        except BaseException:
            streaming.close()  # else it would hold the socket open
            raise
        response.chunked = False  # urllib3 would read the chunks itself, and take negative sizes
        if streaming.will_close:
            self.close()  # the response holds the socket until it has been read
        return response

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


class _HTTPConnection(_RoundTrip, HTTPConnection):
    pass


class _HTTPSConnection(_RoundTrip, HTTPSConnection):
    @property
    def is_connected(self) -> bool:
        """True if no unexpected bytes have been decrypted either."""
        return super().is_connected and not self.sock.pending()


class _Pool:
    """Holds the idle connections to one host; the bulkhead limits how many connections there are."""

    _new_conn: Callable[[], Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle: deque[Any] = deque()

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
        """Return the response, whose body may be unread; raise the exceptions that `requests` translates."""
        connection = self._idle.pop() if self._idle else self._new_conn()
        try:
            if not connection.is_connected:
                self._connect(connection, url, timeout.connect_timeout)
            response = connection.round_trip(method, url, body, headers, timeout.read_timeout)
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError):
                raise ReadTimeoutError(self, url, "Read timed out.") from error  # type: ignore[arg-type]  # it is a pool
            if isinstance(error, HTTPException):
                raise ProtocolError("Connection aborted.", error) from error
            raise
        if isinstance(response, BufferedResponse):
            self._put_conn(connection)
        else:
            response._connection, response._pool = connection, self  # as urllib3 does
        return response

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
        """Take back a connection whose response has been read."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


class HTTPPool(_Pool, HTTPConnectionPool):  # type: ignore[misc]  # `urlopen` takes fewer parameters
    """Connections without TLS."""

    ConnectionCls = _HTTPConnection  # type: ignore[assignment]  # `round_trip` in place of `request`


class HTTPSPool(_Pool, HTTPSConnectionPool):  # type: ignore[misc]  # `urlopen` takes fewer parameters
    """Connections with verified TLS."""

    ConnectionCls = _HTTPSConnection  # type: ignore[assignment]  # `round_trip` in place of `request`
