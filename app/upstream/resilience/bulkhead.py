"""Bulkheads, one for each backend: an adaptive limit on concurrent calls, with a short queue and a share per client."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from app.errors import ConcurrencyLimitReached, ServiceError
from app.observability.metrics.upstream import UpstreamMetrics

MAX_QUEUE_SECONDS = 0.25
# the limit shrinks to the larger of this share of its setting and this many permits
MIN_LIMIT_RATIO = 0.125
MIN_LIMIT = 4.0
BACKOFF_RATIO = 0.8
# permits above the limit, as a share of it, for clients that hold less than their fair share
SPARE_RATIO = 0.125
MIN_SPARE = 1.0
# permits added to the limit in a round of `limit` successful calls
INCREASE = 4.0
# calls that the two moving averages of latency cover
RECENT_CALLS = 20
LONG_CALLS = 200
# ratio of the two averages above which a route counts as slow
TOLERANCE = 2.0
LONG_DECAY = 0.95
# latencies below this differ by noise of this process
MIN_LATENCY_SECONDS = 0.01


@dataclass(slots=True)
class _Share:
    """The permits and the waiting calls of one client."""

    held: int = 0
    queued: int = 0
    released: threading.Condition | None = None


class Bulkhead:
    """Allows at most `max_limit` concurrent calls, and fewer while calls fail or become slow.

    The limit follows AIMD (Chiu and Jain, 1989). It grows by INCREASE in a round of as many calls as the limit. It
    shrinks by BACKOFF_RATIO at most once a round, even if several calls of the round ask for it (Jacobson, 1988).
    A call asks for it by an error that counts as a failure, or if its route has become slow. A route is slow if its
    recent latency exceeds TOLERANCE times its long average; both averages are those of Gradient2 in Netflix's
    concurrency-limits. While less than half of the limit is used, it stays: such calls say nothing about it.

    One client may use all permits while no other one calls. A client that holds less than its fair share, the limit
    divided by the clients with calls, may use spare permits above the limit. So it never waits for the streams of
    another client, and the queue serves clients in turn.
    """

    def __init__(
        self, max_limit: int, on_change: Callable[[int, float], None] = lambda _in_flight, _limit: None
    ) -> None:
        """`on_change` is called with the permits in use and the limit, whenever one of the two changes."""
        self._max_limit = float(max_limit)
        self._min_limit = min(self._max_limit, max(MIN_LIMIT, MIN_LIMIT_RATIO * max_limit))
        self._limit = self._max_limit
        self._in_flight = 0
        self._queued = 0
        # clients with calls, in the order of their turns
        self._clients: dict[str, _Share] = {}
        self._round_started = 0.0
        self._on_change = on_change
        on_change(0, self._limit)
        self._latencies: defaultdict[str, LatencyTracker] = defaultdict(LatencyTracker)

    def guard(self, route: str | None, seconds: float, client: str = "") -> "Permit":
        """Return a permit: a context manager that runs its block as one of the calls in flight.

        Entering it waits for at most `seconds` or MAX_QUEUE_SECONDS. It raises ConcurrencyLimitReached if no permit
        is released in that time, or at once if the queue is full. Latencies are compared within a route. Without a
        route only failures count. `client` is the id of the client that the call is made for.
        """
        return Permit(self, route, min(seconds, MAX_QUEUE_SECONDS), client)

    def acquire(self, client: str, seconds: float) -> float:
        """Take a permit, and wait for it at most `seconds`; return the seconds waited.

        Raises ConcurrencyLimitReached.
        """
        share = self._clients.get(client) or self._clients.setdefault(client, _Share())
        try:
            waited = 0.0 if self._has_permit(share) else self._wait(share, seconds)
        except BaseException:
            self._forget_idle(client)
            raise
        share.held += 1
        self._in_flight += 1
        self._on_change(self._in_flight, self._limit)
        return waited

    def release(self, client: str) -> None:
        """Give a permit of the client back."""
        self._clients[client].held -= 1
        self._forget_idle(client)
        self._in_flight -= 1
        self._on_change(self._in_flight, self._limit)
        if self._queued:
            self._notify()

    def on_complete(self, route: str | None, started: float, error: BaseException | None) -> None:
        """Adapt the limit to the outcome of a call that started at the monotonic time `started`."""
        if error is None:
            slow = route is not None and self._latencies[route].record(time.monotonic() - started)
            self._adapt(started, congested=slow)
        elif isinstance(error, ServiceError) and error.counts_as_failure:
            self._adapt(started, congested=True)

    def _adapt(self, started: float, *, congested: bool) -> None:
        if self._in_flight < self._limit / 2:
            return
        if not congested:
            self._limit = min(self._max_limit, self._limit + INCREASE / self._limit)
        elif started >= self._round_started:
            self._limit = max(self._min_limit, self._limit * BACKOFF_RATIO)
            self._round_started = time.monotonic()

    def _wait(self, share: _Share, seconds: float) -> float:
        # a client with less than its fair share may wait even if others have filled the queue
        if self._queued >= self._limit and share.held + share.queued >= self._limit / len(self._clients):
            raise ConcurrencyLimitReached
        started = time.monotonic()
        share.released = released = share.released or threading.Condition()
        self._queued += 1
        share.queued += 1
        try:
            with released:
                if not released.wait_for(partial(self._has_permit, share), seconds):
                    raise ConcurrencyLimitReached
        except BaseException:
            self._notify()  # this call may have been notified of a permit that the next one can use
            raise
        finally:
            self._queued -= 1
            share.queued -= 1
        return time.monotonic() - started

    def _notify(self) -> None:
        """Wake a waiting call of the next client that can use a permit."""
        for client, share in self._clients.items():
            if share.queued and share.released and self._has_permit(share):
                self._clients[client] = self._clients.pop(client)
                with share.released:
                    share.released.notify()
                return

    def _has_permit(self, share: _Share) -> bool:
        if self._in_flight < self._limit:
            return True
        spare = max(MIN_SPARE, SPARE_RATIO * self._limit)
        return share.held < self._limit / len(self._clients) and self._in_flight < self._limit + spare

    def _forget_idle(self, client: str) -> None:
        share = self._clients[client]
        if not share.held and not share.queued:
            del self._clients[client]


class Permit:
    """The permit of one call; `waited` is its time in the queue, in seconds.

    If `detached` is set in the block, the permit outlives the block; then call `release()` exactly once.
    """

    waited = 0.0
    detached = False

    def __init__(self, bulkhead: Bulkhead, route: str | None, seconds: float, client: str) -> None:
        self._bulkhead = bulkhead
        self._route = route
        self._seconds = seconds
        self._client = client

    def __enter__(self) -> Self:
        self.waited = self._bulkhead.acquire(self._client, self._seconds)
        self._started = time.monotonic()
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        self._bulkhead.on_complete(self._route, self._started, error)
        if not self.detached:
            self.release()

    def release(self) -> None:
        """Give the permit back."""
        self._bulkhead.release(self._client)


class LatencyTracker:
    """Compares two moving averages of a route's latency: a recent one and a long one."""

    def __init__(self) -> None:
        self._recent = 0.0
        self._long = 0.0
        self._count = 0

    def record(self, seconds: float) -> bool:
        """Add the latency of one call; return True if recent calls take much longer than the long average."""
        self._count += 1
        self._recent += (seconds - self._recent) / min(self._count, RECENT_CALLS)
        self._long += (seconds - self._long) / min(self._count, LONG_CALLS)
        if self._long > TOLERANCE * self._recent:
            self._long *= LONG_DECAY  # after a slow period a high long average would hide the next one
        return self._recent > TOLERANCE * max(self._long, MIN_LATENCY_SECONDS)


class Bulkheads:
    """The bulkheads of the process: one for each backend, created on first use."""

    def __init__(self, max_limit: int, metrics: UpstreamMetrics) -> None:
        self._max_limit = max_limit
        self._metrics = metrics
        self._bulkheads: dict[str, Bulkhead] = {}

    def get(self, backend: str) -> Bulkhead:
        """Return the bulkhead of a backend."""
        if backend not in self._bulkheads:
            self._bulkheads[backend] = Bulkhead(self._max_limit, self._metrics.bulkhead(backend))
        return self._bulkheads[backend]
