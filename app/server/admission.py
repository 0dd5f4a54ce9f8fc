"""Admission control of one worker: limits the connections, and evicts idle and slow ones when slots run short."""

import logging
import math
import time
from contextlib import suppress

import gevent
from gevent import socket

from app.server.client_socket import ClientSocket

logger = logging.getLogger(__name__)

# in this share of the slots only PRIORITY_PATHS are served, and connections are not kept alive
RESERVED_RATIO = 0.05
# eviction stops at this share of the slots, so that it runs rarely
LOW_WATERMARK = 0.85
EVICTION_INTERVAL_SECONDS = 0.05
# connections with a shorter stall are not evicted
MIN_STALL_SECONDS = 0.1


class ConnectionLimiter:
    """Limits one worker to `size` connections."""

    def __init__(self, size: int) -> None:
        self._unreserved = size - math.ceil(RESERVED_RATIO * size)
        self._low_watermark = math.floor(LOW_WATERMARK * size)
        self._connections: set[ClientSocket] = set()
        self._idle: dict[ClientSocket, float] = {}  # to the time from which each may be closed
        self._last_eviction = -math.inf
        self._evictor: gevent.Greenlet | None = None

    @property
    def saturated(self) -> bool:
        """Whether only reserved slots are left; evicted connections do not count."""
        return len(self._connections) > self._unreserved

    def register(self, connection: ClientSocket) -> None:
        """Give the connection a slot; while the limiter is saturated, idle and slow connections are evicted."""
        self._connections.add(connection)
        if self.saturated and not self._evictor:
            self._evictor = gevent.spawn(self._evict_while_saturated)

    def unregister(self, connection: ClientSocket) -> None:
        """Free the slot of the connection."""
        self._connections.discard(connection)

    def mark_idle(self, connection: ClientSocket, *, keep_alive: bool) -> None:
        """Record that the connection waits for a request; a new one may be closed only after MIN_STALL_SECONDS."""
        self._idle[connection] = time.monotonic() + (0 if keep_alive else MIN_STALL_SECONDS)

    def mark_active(self, connection: ClientSocket) -> None:
        """Record that the connection has stopped to wait for a request."""
        del self._idle[connection]

    def evict(self) -> None:
        """Close idle connections, then reset stalled ones, the longest stall first, down to LOW_WATERMARK."""
        now = time.monotonic()
        self.close_idle(now)
        if not self.saturated or now - self._last_eviction < EVICTION_INTERVAL_SECONDS:
            return
        self._last_eviction = now
        stalled = [one for one in self._connections if now - one.stalled_since > MIN_STALL_SECONDS]
        stalled.sort(key=lambda one: one.stalled_since)
        evicted = stalled[: len(self._connections) - self._low_watermark]
        for one in evicted:
            one.reset()
            self._connections.discard(one)
        if evicted:
            logger.warning("connection slots ran short (SERVER_MAX_CONNECTIONS); reset %d slow clients", len(evicted))

    def close_idle(self, by: float) -> None:
        """Close the connections that have been idle since `by` or before."""
        for one, since in self._idle.items():
            if since <= by:
                self._connections.discard(one)
                with suppress(OSError):  # the client has closed it already
                    one.shutdown(socket.SHUT_RDWR)

    def _evict_while_saturated(self) -> None:
        while self.saturated:
            self.evict()
            gevent.sleep(EVICTION_INTERVAL_SECONDS)
