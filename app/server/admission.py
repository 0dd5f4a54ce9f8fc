"""Admission control of one worker: which connections hold a slot, and which lose theirs when slots run short."""

import logging
import math
import time
from contextlib import suppress

import gevent
from gevent import socket

from app.server.client_socket import ClientSocket

logger = logging.getLogger(__name__)

# on this share of the slots only PRIORITY_PATHS are served, and no connection is kept alive
RESERVED_RATIO = 0.05
# eviction stops at this share of the slots, so that it runs seldom
LOW_WATERMARK = 0.85
EVICTION_INTERVAL_SECONDS = 0.05
# a shorter stall is never a reason to evict a connection
MIN_STALL_SECONDS = 0.1


class ConnectionLimiter:
    """The connections of one worker, of which there may be `size`."""

    def __init__(self, size: int) -> None:
        self._room = size - math.ceil(RESERVED_RATIO * size)
        self._cut_to = math.floor(LOW_WATERMARK * size)
        self._taken: set[ClientSocket] = set()
        self._idle: dict[ClientSocket, float] = {}  # and from when on they make way
        self._looked = -math.inf
        self._watch: gevent.Greenlet | None = None

    @property
    def saturated(self) -> bool:
        """Whether none but reserved places are left, those not counted that are being freed."""
        return len(self._taken) > self._room

    def register(self, connection: ClientSocket) -> None:
        """Give the connection a place; where places run short, slow ones lose theirs while they do."""
        self._taken.add(connection)
        if self.saturated and not self._watch:
            self._watch = gevent.spawn(self._make_way_while_short)

    def unregister(self, connection: ClientSocket) -> None:
        """Free the connection's place."""
        self._taken.discard(connection)

    def mark_idle(self, connection: ClientSocket, *, kept: bool) -> None:
        """Note that a connection waits for a request; one that is kept makes way at once, a new one has a moment."""
        self._idle[connection] = time.monotonic() + (0 if kept else MIN_STALL_SECONDS)

    def mark_active(self, connection: ClientSocket) -> None:
        """Note that it waits no more."""
        del self._idle[connection]

    def evict(self) -> None:
        """Close idle connections, and cut those that are waited for, the longest first; others are never cut."""
        now = time.monotonic()
        self.close_idle(now)
        if not self.saturated or now - self._looked < EVICTION_INTERVAL_SECONDS:
            return
        self._looked = now
        slow = [one for one in self._taken if now - one.stalled_since > MIN_STALL_SECONDS]
        slow.sort(key=lambda one: one.stalled_since)
        for one in slow[: len(self._taken) - self._cut_to]:
            one.reset()
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
        while self.saturated:
            self.evict()
            gevent.sleep(EVICTION_INTERVAL_SECONDS)
