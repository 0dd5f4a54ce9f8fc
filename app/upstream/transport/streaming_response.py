"""Streaming responses: http.client's response, read as the bytes arrive."""

import http.client
import io
import re
from collections.abc import Callable
from contextlib import suppress
from http.client import NO_CONTENT, NOT_MODIFIED, SWITCHING_PROTOCOLS
from typing import Any

from urllib3 import HTTPHeaderDict

from app.fairness import CoopBudget

# 1xx responses before the final one; an upstream that sends more would keep a permit busy for ever
MAX_INTERIM_RESPONSES = 10

# headers in the grammar of RFC 9112; others, such as folded ones, are left to the standard library
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)\r\n")
_HEADERS = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n){0,100}\r\n")
# a chunk's size and its extensions (RFC 9112, 7.1); int() would take signs, prefixes and underscores too
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
MAX_CHUNK_LINE_BYTES = 64 * 1024


class _CoopRawIO(io.RawIOBase):
    """Reads the bytes received so far, then from the socket; yields to other requests when its budget is used."""

    def __init__(self, received: bytes, raw: io.RawIOBase) -> None:
        self.received = received
        self._raw = raw
        self._coop = CoopBudget()
        self.at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.at_end:
            return 0
        if self.received:
            data, self.received = self.received[: len(buffer)], self.received[len(buffer) :]
            buffer[: len(data)] = data
            return len(data)
        with self._coop:
            return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class StreamingResponse(http.client.HTTPResponse):
    """A response whose body is read later.

    It skips a limited number of interim responses (RFC 9110, 15.2). http.client skips any number of 100 responses,
    and takes a 103 for the final one.
    """

    # private in http.client, or of another type there
    headers: Any
    msg: Any
    fp: Any
    _method: str
    _check_close: Callable[[], bool]
    _read_status: Callable[[], tuple[str, int, str]]

    def __init__(self, received: bytes, connection: Any, method: str) -> None:
        super().__init__(connection.sock, method=method)
        self._close_connection = connection.close
        self.fp = io.BufferedReader(_CoopRawIO(received, self.fp.detach()))

    def begin(self) -> None:
        """Read the head."""
        version, self.status, reason = self._final_status()
        self.code, self.reason = self.status, reason.strip()
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise http.client.UnknownProtocol(version)
        self.headers = self.msg = _read_headers(self.fp)
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = None if "transfer-encoding" in self.headers else _content_length(self.headers)
        if self._method == "HEAD" or self.status in (NO_CONTENT, NOT_MODIFIED):
            self.length = 0
        self.will_close = self._check_close() or (not self.chunked and self.length is None)

    def _read_next_chunk_size(self) -> int:
        """Return the size of the next chunk; http.client reads the ValueError of an invalid one as a cut-off body."""
        size = _CHUNK_SIZE.fullmatch(self.fp.readline(MAX_CHUNK_LINE_BYTES))
        if size is None:
            self._close_conn()
            raise ValueError("invalid chunk size")
        return int(size[1], 16)

    def _close_conn(self) -> None:
        self.fp.raw.at_end = True
        if self.fp.peek() or self.fp.raw.received:
            self._close_connection()  # bytes after the response, or the unread rest of it, would start the next one
        super()._close_conn()  # type: ignore[misc]  # private in http.client

    def _final_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INTERIM_RESPONSES):
            version, status, reason = self._read_status()
            if status == SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.BadStatusLine("too many interim responses")


def _read_headers(file: Any) -> HTTPHeaderDict:
    """Read headers at once if all are buffered and match RFC 9112; else let the standard library read them."""
    buffered = file.peek()
    block = buffered[: buffered.find(b"\r\n\r\n") + 4].decode("iso-8859-1")
    if not _HEADERS.fullmatch(block):
        return HTTPHeaderDict(http.client.parse_headers(file).items())
    file.read(len(block))
    return HTTPHeaderDict((name, value.strip(" \t")) for name, value in _HEADER.findall(block))


def _content_length(headers: HTTPHeaderDict) -> int | None:
    """Return the first Content-Length; None if there is none or it is not a length."""
    first = next(iter(headers.getlist("content-length")), "")
    with suppress(ValueError):
        return length if (length := int(first)) >= 0 else None
    return None
