"""The socket of one client, which measures how long the server waits for the client."""

import math
import struct
import time
from contextlib import suppress
from typing import Any

import gevent
from gevent import socket

LINGER_SECONDS = 1.0
# a timeout of zero would make the socket non-blocking
MIN_TIMEOUT_SECONDS = 0.001
LINGER_BYTES = 1024**2
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ClientSocket(socket.socket):
    """A caller's connection, which knows since when it is waited for.

    For the rest of a request that is since its first byte, for an answer to be taken since it was given. A caller that
    itself waits for its answer is not waited for.
    """

    def __init__(self, accepted: Any) -> None:
        """Take an accepted socket over."""
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.stalled_since = math.inf
        self.set_read_deadline(None)

    def set_read_deadline(self, seconds: float | None) -> None:
        """Begin to read a request, or its body, which may take so many seconds; any number where that is None."""
        self._began = time.monotonic()
        self._end = None if seconds is None else self._began + seconds
        self._late = False

    def wait_readable(self) -> None:
        """Wait for something to read, or its end."""
        socket.wait(self._read_event)

    def recv(self, *arguments: Any) -> bytes:
        """Receive; what waits meanwhile waits since the request began. Raises TimeoutError at the end of its time."""
        if self._end is not None:
            self.timeout = self._left(self._end)
        try:
            return self._track_stall(self._began, super().recv, *arguments)
        finally:
            self.timeout = None  # type: ignore[assignment]  # gevent's stubs; it would bound what is sent too

    def _left(self, end: float) -> float:
        """Return the seconds left; one read may be late, for what came in time while this process was busy."""
        left = end - time.monotonic()
        if left <= 0:
            if self._late:
                raise TimeoutError
            self._late = True
        return max(MIN_TIMEOUT_SECONDS, left)

    def sendall(self, data: Any, *flags: Any) -> None:
        """Send all; what waits meanwhile waits since now."""
        since = time.monotonic()
        sent = self._track_stall(since, super().send, data, *flags)
        if sent < len(data):  # gevent's own asks for the size of the buffer first, at each call
            self._track_stall(since, super().sendall, memoryview(data)[sent:], *flags)

    def lingering_close(self) -> None:
        """Read on for a moment after the last answer: closing over unread bytes would reset it away from the caller."""
        received = 0
        self.set_read_deadline(LINGER_SECONDS)
        with suppress(OSError), gevent.Timeout(LINGER_SECONDS, False):
            self.shutdown(socket.SHUT_WR)
            while received < LINGER_BYTES and (piece := self.recv(65536)):
                received += len(piece)

    def reset(self) -> None:
        """End the connection, and whatever waits for it; a reset, or what was not taken would stay in the kernel."""
        with suppress(OSError):  # the caller has gone
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.shutdown(socket.SHUT_RDWR)

    def _track_stall(self, since: float, call: Any, *arguments: Any) -> Any:
        before = self.stalled_since  # a caller's watch may peek while an answer is being sent
        self.stalled_since = since
        try:
            return call(*arguments)
        finally:
            self.stalled_since = before
