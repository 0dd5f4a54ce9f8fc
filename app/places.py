"""The places of a worker's connections: who holds one, who keeps us waiting, and who is cut when places run short."""

import logging
import math
import struct
import time
from contextlib import suppress
from typing import Any

import gevent
from gevent import socket

logger = logging.getLogger(__name__)

# the share of places on which nothing but UNREFUSED is served, and no connection is kept
RESERVED_SHARE = 0.05
# the share down to which slow connections are cut, so that looking for them is seldom
CUT_TO_SHARE = 0.85
LOOK_SECONDS = 0.05
# who sends at once, or takes an answer at once, is done before, and never looked at
SLOW_SECONDS = 0.1
LINGER_SECONDS = 1.0
# none would mean not to wait at all
SHORTEST_SECONDS = 0.001
LINGER_BYTES = 1024**2
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(socket.socket):
    """A caller's connection, which knows since when it is waited for.

    For the rest of a request that is since its first byte, for an answer to be taken since it was given. A caller that
    itself waits for its answer is not waited for.
    """

    def __init__(self, accepted: Any) -> None:
        """Take an accepted socket over."""
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.waited_for_since = math.inf
        self.begin(None)

    def begin(self, seconds: float | None) -> None:
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
            return self._waiting(self._began, super().recv, *arguments)
        finally:
            self.timeout = None  # type: ignore[assignment]  # gevent's stubs; it would bound what is sent too

    def _left(self, end: float) -> float:
        """Return the seconds left; one read may be late, for what came in time while this process was busy."""
        left = end - time.monotonic()
        if left <= 0:
            if self._late:
                raise TimeoutError
            self._late = True
        return max(SHORTEST_SECONDS, left)

    def sendall(self, data: Any, *flags: Any) -> None:
        """Send all; what waits meanwhile waits since now."""
        since = time.monotonic()
        sent = self._waiting(since, super().send, data, *flags)
        if sent < len(data):  # gevent's own asks for the size of the buffer first, at each call
            self._waiting(since, super().sendall, memoryview(data)[sent:], *flags)

    def linger(self) -> None:
        """Read on for a moment after the last answer: closing over unread bytes would reset it away from the caller."""
        received = 0
        self.begin(LINGER_SECONDS)
        with suppress(OSError), gevent.Timeout(LINGER_SECONDS, False):
            self.shutdown(socket.SHUT_WR)
            while received < LINGER_BYTES and (piece := self.recv(65536)):
                received += len(piece)

    def cut(self) -> None:
        """End the connection, and whatever waits for it; a reset, or what was not taken would stay in the kernel."""
        with suppress(OSError):  # the caller has gone
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.shutdown(socket.SHUT_RDWR)

    def _waiting(self, since: float, call: Any, *arguments: Any) -> Any:
        before = self.waited_for_since  # a caller's watch may peek while an answer is being sent
        self.waited_for_since = since
        try:
            return call(*arguments)
        finally:
            self.waited_for_since = before


class Places:
    """The connections of one worker, of which there may be `size`."""

    def __init__(self, size: int) -> None:
        self._room = size - math.ceil(RESERVED_SHARE * size)
        self._cut_to = math.floor(CUT_TO_SHARE * size)
        self._taken: set[Connection] = set()
        self._idle: dict[Connection, float] = {}  # and from when on they make way
        self._looked = -math.inf
        self._watch: gevent.Greenlet | None = None

    @property
    def short(self) -> bool:
        """Whether none but reserved places are left, those not counted that are being freed."""
        return len(self._taken) > self._room

    def take(self, connection: Connection) -> None:
        """Give the connection a place; where places run short, slow ones lose theirs while they do."""
        self._taken.add(connection)
        if self.short and not self._watch:
            self._watch = gevent.spawn(self._make_way_while_short)

    def leave(self, connection: Connection) -> None:
        """Free the connection's place."""
        self._taken.discard(connection)

    def idle(self, connection: Connection, *, kept: bool) -> None:
        """Note that a connection waits for a request; one that is kept makes way at once, a new one has a moment."""
        self._idle[connection] = time.monotonic() + (0 if kept else SLOW_SECONDS)

    def busy(self, connection: Connection) -> None:
        """Note that it waits no more."""
        del self._idle[connection]

    def make_way(self) -> None:
        """Close idle connections, and cut those that are waited for, the longest first; others are never cut."""
        now = time.monotonic()
        self.close_idle(now)
        if not self.short or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        slow = [one for one in self._taken if now - one.waited_for_since > SLOW_SECONDS]
        slow.sort(key=lambda one: one.waited_for_since)
        for one in slow[: len(self._taken) - self._cut_to]:
            one.cut()
            self._taken.discard(one)
        if slow:
            logger.warning("places ran short; connections that were slow to send or to take were cut")

    def close_idle(self, by: float) -> None:
        """Close the connections that were idle by then and still are, which ends their wait."""
        for one, since in self._idle.items():
            if since <= by:
                self._taken.discard(one)
                with suppress(OSError):  # the caller has gone
                    one.shutdown(socket.SHUT_RDWR)

    def _make_way_while_short(self) -> None:
        while self.short:
            self.make_way()
            gevent.sleep(LOOK_SECONDS)
