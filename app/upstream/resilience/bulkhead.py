"""Bulkheads, one for each backend: an adaptive limit on concurrent calls, with a short queue."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Self

from app.errors import ConcurrencyLimitReached, ServiceError
from app.observability.metrics.upstream import UpstreamMetrics

MAX_QUEUE_SECONDS = 0.25
# the limit shrinks to the larger of this share of its setting and this many permits
MIN_LIMIT_RATIO = 0.125
MIN_LIMIT = 4.0
BACKOFF_RATIO = 0.8
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


class Bulkhead:
    """Allows at most `max_limit` concurrent calls, and fewer while calls fail or become slow.

    The limit follows AIMD (Chiu and Jain, 1989). It grows by INCREASE in a round of as many calls as the limit. It
    shrinks by BACKOFF_RATIO at most once a round, even if several calls of the round ask for it (Jacobson, 1988).
    A call asks for it by an error that counts as a failure, or if its route has become slow. A route is slow if its
    recent latency exceeds TOLERANCE times its long average; both averages are those of Gradient2 in Netflix's
    concurrency-limits. While less than half of the limit is used, it stays: such calls say nothing about it.
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
        self._released = threading.Condition()
        self._round_started = 0.0
        self._on_change = on_change
        on_change(0, self._limit)
        self._latencies: defaultdict[str, LatencyTracker] = defaultdict(LatencyTracker)

    def guard(self, route: str | None, seconds: float) -> "Permit":
        """Return a permit: a context manager that runs its block as one of the calls in flight.

        Entering it waits for at most `seconds` or MAX_QUEUE_SECONDS. It raises ConcurrencyLimitReached if no permit
        is released in that time, or at once if the queue is full. Latencies are compared within a route. Without a
        route only failures count.
        """
        return Permit(self, route, min(seconds, MAX_QUEUE_SECONDS))

    def acquire(self, seconds: float) -> float:
        """Take a permit, and wait for it at most `seconds`; return the seconds waited.

        Raises ConcurrencyLimitReached.
        """
        waited = 0.0 if self._has_permit() else self._wait(seconds)
        self._in_flight += 1
        self._on_change(self._in_flight, self._limit)
        return waited

    def release(self) -> None:
        """Give a permit back."""
        self._in_flight -= 1
        self._on_change(self._in_flight, self._limit)
        if self._queued:
            with self._released:
                self._released.notify()

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

    def _wait(self, seconds: float) -> float:
        if self._queued >= self._limit:
            raise ConcurrencyLimitReached
        started = time.monotonic()
        with self._released:
            self._queued += 1
            try:
                if not self._released.wait_for(self._has_permit, seconds):
                    raise ConcurrencyLimitReached
            except BaseException:
                self._released.notify()  # this call may have been notified of a permit that the next one can use
                raise
            finally:
                self._queued -= 1
        return time.monotonic() - started

    def _has_permit(self) -> bool:
        return self._in_flight < self._limit


class Permit:
    """The permit of one call; `waited` is its time in the queue, in seconds.

    If `detached` is set in the block, the permit outlives the block; then call `release()` exactly once.
    """

    waited = 0.0
    detached = False

    def __init__(self, bulkhead: Bulkhead, route: str | None, seconds: float) -> None:
        self._bulkhead = bulkhead
        self._route = route
        self._seconds = seconds
        self.release = bulkhead.release

    def __enter__(self) -> Self:
        self.waited = self._bulkhead.acquire(self._seconds)
        self._started = time.monotonic()
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        self._bulkhead.on_complete(self._route, self._started, error)
        if not self.detached:
            self.release()


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
