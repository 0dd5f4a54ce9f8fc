"""The socket of one client, with a deadline for reads and a record of stalls."""

import math
import struct
import time
from contextlib import suppress
from typing import Any

import gevent
from gevent import socket

LINGER_SECONDS = 1.0
LINGER_BYTES = 1024**2
# a deadline is extended after each MiB: a body of 16 MiB needs longer than one of 1 KiB on the same line
EXTENSION_BYTES = 1024**2
# a timeout of zero would make the socket non-blocking
MIN_TIMEOUT_SECONDS = 0.001
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ClientSocket(socket.socket):
    """The connection of a client.

    `stalled_since` is the monotonic time since which the server waits for the client, infinity while it does not wait.
    A read counts from the start of the request, a write from the start of the response.
    """

    def __init__(self, accepted: Any) -> None:
        """Take over an accepted socket."""
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.stalled_since = math.inf
        self.set_read_deadline(None)

    def set_read_deadline(self, seconds: float | None) -> None:
        """Start to read a request or its body; each started MiB may take `seconds`, None sets no limit."""
        self._read_started = time.monotonic()
        self._read_deadline = None if seconds is None else self._read_started + seconds
        self._extension = seconds or 0
        self._bytes_to_extension = EXTENSION_BYTES
        self._grace_used = False

    def restart_read_deadline(self) -> None:
        """Start the deadline of the rest of a body anew, after a wait that was not the client's."""
        self.set_read_deadline(self._extension or None)

    def wait_readable(self) -> None:
        """Wait until there is something to read, or the end of the connection."""
        socket.wait(self._read_event)

    def recv(self, *arguments: Any) -> bytes:
        """Receive; the time since the read started counts as a stall. Raises TimeoutError after the deadline."""
        if self._read_deadline is not None:
            self.timeout = self._seconds_left(self._read_deadline)
        try:
            received: bytes = self._track_stall(self._read_started, super().recv, *arguments)
        finally:
            self.timeout = None  # type: ignore[assignment]  # gevent's stubs; it would bound sends too
        if self._read_deadline is not None:
            self._bytes_to_extension -= len(received)
            if self._bytes_to_extension <= 0:
                self._read_deadline += self._extension
                self._bytes_to_extension += EXTENSION_BYTES
        return received

    def send(self, data: Any, *flags: Any) -> int:
        """Send a part; the time in this call counts as a stall."""
        return self._track_stall(time.monotonic(), super().send, data, *flags)

    def sendall(self, data: Any, *flags: Any) -> None:
        """Send all; the time in this call counts as one stall."""
        started = time.monotonic()
        sent = self._track_stall(started, super().send, data, *flags)
        if sent < len(data):  # gevent's sendall reads SO_SNDBUF first, at each call
            self._track_stall(started, super().sendall, memoryview(data)[sent:], *flags)

    def lingering_close(self) -> None:
        """Stop sending, then read on for at most LINGER_SECONDS and LINGER_BYTES."""
        # closing over unread bytes sends a reset, which discards the response on the client's side
        received = 0
        self.set_read_deadline(LINGER_SECONDS)
        with suppress(OSError), gevent.Timeout(LINGER_SECONDS, False):
            self.shutdown(socket.SHUT_WR)
            while received < LINGER_BYTES and (chunk := self.recv(65536)):
                received += len(chunk)

    def reset(self) -> None:
        """Reset the connection, which wakes the greenlet that waits for it."""
        with suppress(OSError):  # the client has closed it already
            # without a reset, unsent bytes would stay in the kernel
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.shutdown(socket.SHUT_RDWR)

    def _seconds_left(self, deadline: float) -> float:
        """Return the time until the deadline, MIN_TIMEOUT_SECONDS at the first read after it; then raise TimeoutError.

        One read may be late: its bytes may have come in time, while this process was busy.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            if self._grace_used:
                raise TimeoutError
            self._grace_used = True
        return max(MIN_TIMEOUT_SECONDS, left)

    def _track_stall(self, since: float, call: Any, *arguments: Any) -> Any:
        """Call, and count the time as a stall since `since`, or since an outer call that has started before."""
        outer = self.stalled_since  # disconnect detection peeks while a response is sent; sendall calls send
        self.stalled_since = min(since, outer)
        try:
            return call(*arguments)
        finally:
            self.stalled_since = outer
