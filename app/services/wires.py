"""HTTP/1.1 to upstreams: urllib3's connections, with less done for each request.

What urllib3 does beside, for retries, redirects, proxies and bodies of other kinds than bytes, would take as long as
the exchange itself.
"""

import http.client
import io
import re
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import NO_CONTENT, NOT_MODIFIED, SWITCHING_PROTOCOLS, HTTPException
from select import POLLIN
from typing import Any

from gevent import monkey
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPHeaderDict, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, ReadTimeoutError, SSLError
from urllib3.util import Timeout
from urllib3.util.ssl_match_hostname import CertificateError

from app.turns import Turns

# 1xx answers before the final one; more are no protocol but a way to keep us busy
MAX_INTERIM = 10

# never waits, so gevent's, which asks its loop, is not needed
_poll = monkey.get_original("select", "poll")
# headers as RFC 9112 has them; others, such as folded ones, are left to the standard library
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)\r\n")
_HEADERS = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n){0,100}\r\n")


class _TakingTurns(io.RawIOBase):
    """Reads from a socket, in turns with all other requests."""

    def __init__(self, connection: io.RawIOBase) -> None:
        self._connection = connection
        self._turns = Turns()
        self.over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.over:
            return 0
        with self._turns:
            return self._connection.readinto(buffer)

    def close(self) -> None:
        self._connection.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """Reads over interim answers: http.client takes any number of 100, and 103 for the final one (RFC 9110, 15.2)."""

    # not public, or of another type than here
    headers: Any
    msg: Any
    fp: Any
    _method: str
    _check_close: Callable[[], bool]
    _read_status: Callable[[], tuple[str, int, str]]

    def __init__(self, connection: Any, method: str) -> None:
        super().__init__(connection.sock, method=method)
        self._part = connection.close
        self.fp = io.BufferedReader(_TakingTurns(self.fp.detach()))

    def begin(self) -> None:
        """Read the head."""
        version, self.status, reason = self._final_status()
        self.code, self.reason = self.status, reason.strip()
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise http.client.UnknownProtocol(version)
        self.headers = self.msg = _headers(self.fp)
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = None if "transfer-encoding" in self.headers else _length(self.headers)
        if self._method == "HEAD" or self.status in (NO_CONTENT, NOT_MODIFIED):
            self.length = 0
        self.will_close = self._check_close() or (not self.chunked and self.length is None)

    def _close_conn(self) -> None:
        self.fp.raw.over = True
        if self.fp.peek():
            self._part()  # what came behind the answer, or is left of it, would begin the next one
        super()._close_conn()  # type: ignore[misc]  # not public

    def _final_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INTERIM):
            version, status, reason = self._read_status()
            if status == SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.BadStatusLine("too many interim answers")


def _headers(file: Any) -> HTTPHeaderDict:
    """Read headers: in one go where all have come and are as RFC 9112 has them, else by the standard library."""
    ahead = file.peek()
    block = ahead[: ahead.find(b"\r\n\r\n") + 4].decode("iso-8859-1")
    if not _HEADERS.fullmatch(block):
        return HTTPHeaderDict(http.client.parse_headers(file).items())
    file.read(len(block))
    return HTTPHeaderDict((name, value.strip(" \t")) for name, value in _HEADER.findall(block))


def _length(headers: HTTPHeaderDict) -> int | None:
    """Return the length of a body; the first where there are several, None where it is none."""
    given = next(iter(headers.getlist("content-length")), "")
    with suppress(ValueError):
        return length if (length := int(given)) >= 0 else None
    return None


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
    ) -> BaseHTTPResponse:
        """Send a request, and read the head of its answer; at most so many seconds to send, and between two bytes."""
        self.sock.settimeout(seconds)
        with suppress(BrokenPipeError, ConnectionResetError):  # there may be an answer all the same
            self.sock.sendall(self._head(method, path, headers) + (body or b""))
        answer = _Answer(self, method)
        try:
            return self._begun(answer, method)
        except BaseException:
            answer.close()  # or it would keep the socket
            raise

    def _begun(self, answer: _Answer, method: str) -> BaseHTTPResponse:
        answer.begin()
        if answer.will_close:
            self.close()  # the answer keeps the socket until it is read
        head = (answer, answer.headers, answer.status, answer.version, "HTTP", answer.reason)
        return HTTPResponse(*head, preload_content=False, original_response=answer, request_method=method)

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host if self.port == self.default_port else f'{host}:{self.port}'}",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError("a line break in a header")
        return "\r\n".join((*lines, "\r\n")).encode("latin-1")


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
    ) -> BaseHTTPResponse:
        """Return an answer whose body is not read yet; raise what `requests` translates where there is none."""
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


class Pool(_Pooling, HTTPConnectionPool):  # type: ignore[misc]  # `urlopen` takes less
    """Connections without TLS."""

    ConnectionCls = _Connection  # type: ignore[assignment]  # an `exchange` in place of `request`


class TLSPool(_Pooling, HTTPSConnectionPool):  # type: ignore[misc]  # `urlopen` takes less
    """Connections with TLS, verified."""

    ConnectionCls = _TLSConnection  # type: ignore[assignment]  # an `exchange` in place of `request`
