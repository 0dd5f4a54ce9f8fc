"""Answers of upstreams that come in pieces: http.client's, whose body is read as it comes."""

import http.client
import io
import re
from collections.abc import Callable
from contextlib import suppress
from http.client import NO_CONTENT, NOT_MODIFIED, SWITCHING_PROTOCOLS
from typing import Any

from urllib3 import HTTPHeaderDict

from app.fairness import CoopBudget

# 1xx answers before the final one; more are no protocol but a way to keep us busy
MAX_INTERIM = 10

# headers as RFC 9112 has them; others, such as folded ones, are left to the standard library
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)\r\n")
_HEADERS = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n){0,100}\r\n")


class _TakingTurns(io.RawIOBase):
    """Reads what was received, and then from a socket, in turns with all other requests."""

    def __init__(self, received: bytes, connection: io.RawIOBase) -> None:
        self.received = received
        self._connection = connection
        self._turns = CoopBudget()
        self.over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.over:
            return 0
        if self.received:
            taken, self.received = self.received[: len(buffer)], self.received[len(buffer) :]
            buffer[: len(taken)] = taken
            return len(taken)
        with self._turns:
            return self._connection.readinto(buffer)

    def close(self) -> None:
        self._connection.close()
        super().close()


class StreamingResponse(http.client.HTTPResponse):
    """An answer whose body is read later.

    It reads over interim ones: http.client takes any number of 100, and 103 for the final one (RFC 9110, 15.2).
    """

    # not public, or of another type than here
    headers: Any
    msg: Any
    fp: Any
    _method: str
    _check_close: Callable[[], bool]
    _read_status: Callable[[], tuple[str, int, str]]

    def __init__(self, received: bytes, connection: Any, method: str) -> None:
        super().__init__(connection.sock, method=method)
        self._part = connection.close
        self.fp = io.BufferedReader(_TakingTurns(received, self.fp.detach()))

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
        if self.fp.peek() or self.fp.raw.received:
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
