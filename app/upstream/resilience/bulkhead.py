"""Bulkheads, one for each backend: so many calls in flight, a short wait, and no more; fewer while it struggles."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Self

from app.errors import ConcurrencyLimitReached, ServiceError

WAIT_SECONDS = 0.25
# a limit shrinks to this share of its setting at most, and never below a few places
SMALLEST_SHARE = 0.125
SMALLEST_LIMIT = 4.0
BACKOFF_RATIO = 0.8
GROWTH = 4.0
# how many calls the two averages of latency look back, and how far apart they may be
RECENT_CALLS = 20
LONG_CALLS = 200
TOLERANCE = 2.0
LONG_DECAY = 0.95
# below this a difference of latencies is noise of our own
SHORTEST_SECONDS = 0.01


class Bulkhead:
    """At most `most` calls at a time, fewer while they fail or grow slow.

    The limit follows AIMD: additive increase, by GROWTH for each round of as many calls, and multiplicative decrease
    (Chiu and Jain, 1989), once a round, however many of its calls ask for it (Jacobson, 1988). What asks for it is an
    outage, or that a route's recent latency is more than TOLERANCE times its long average (the two averages are those
    of Gradient2 in Netflix's concurrency-limits). A limit that is not in use stays as it is: nothing was learnt of it.
    """

    def __init__(self, most: int, note: Callable[[int, float], None] = lambda _in_use, _limit: None) -> None:
        """`note` is told how many places are in use, and how many there are, whenever one of the two changes."""
        self._most = float(most)
        self._smallest = min(self._most, max(SMALLEST_LIMIT, SMALLEST_SHARE * most))
        self._limit = self._most
        self._in_flight = 0
        self._waiting = 0
        self._left = threading.Condition()
        self._round_began = 0.0
        self._note = note
        note(0, self._limit)
        self._latencies: defaultdict[str, LatencyTracker] = defaultdict(LatencyTracker)

    def guard(self, route: str | None, seconds: float) -> "Permit":
        """Return a place, to run a block in as one of the calls in flight.

        To enter it is to wait for it, for at most `seconds`, or WAIT_SECONDS. Latencies are compared within a route;
        without one only outages count. The block may keep its place beyond its end.

        Entering raises ConcurrencyLimitReached if no permit becomes free, at once if the queue is full.
        """
        return Permit(self, route, min(seconds, WAIT_SECONDS))

    def acquire(self, seconds: float) -> None:
        """Take a place; wait for one for at most `seconds`. Raises ConcurrencyLimitReached."""
        if not self._has_place():
            self._wait(seconds)
        self._in_flight += 1
        self._note(self._in_flight, self._limit)

    def release(self) -> None:
        """Free a place."""
        self._in_flight -= 1
        self._note(self._in_flight, self._limit)
        if self._waiting:
            with self._left:
                self._left.notify()

    def on_complete(self, route: str | None, started: float, error: BaseException | None) -> None:
        """Learn from the end of a call."""
        if error is None:
            slow = route is not None and self._latencies[route].record(time.monotonic() - started)
            self._adapt(started, congested=slow)
        elif isinstance(error, ServiceError) and error.counts_as_failure:
            self._adapt(started, congested=True)

    def _adapt(self, started: float, *, congested: bool) -> None:
        if self._in_flight < self._limit / 2:
            return
        if not congested:
            self._limit = min(self._most, self._limit + GROWTH / self._limit)
        elif started >= self._round_began:
            self._limit = max(self._smallest, self._limit * BACKOFF_RATIO)
            self._round_began = time.monotonic()

    def _wait(self, seconds: float) -> None:
        if self._waiting >= self._limit:
            raise ConcurrencyLimitReached
        with self._left:
            self._waiting += 1
            try:
                if not self._left.wait_for(self._has_place, seconds):
                    raise ConcurrencyLimitReached
            except BaseException:
                self._left.notify()  # the place may have been meant for us
                raise
            finally:
                self._waiting -= 1

    def _has_place(self) -> bool:
        return self._in_flight < self._limit


class Permit:
    """The place of one call, for which it `waited` so many seconds; who sets `kept` has to call `leave`, once."""

    waited = 0.0
    detached = False

    def __init__(self, bulkhead: Bulkhead, route: str | None, seconds: float) -> None:
        self._bulkhead = bulkhead
        self._route = route
        self._seconds = seconds
        self.release = bulkhead.release

    def __enter__(self) -> Self:
        asked = time.monotonic()
        self._bulkhead.acquire(self._seconds)
        self._started = time.monotonic()
        self.waited = self._started - asked
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        self._bulkhead.on_complete(self._route, self._started, error)
        if not self.detached:
            self.release()


class LatencyTracker:
    """Two moving averages of a route's latency: a recent one, and a long one to compare it with."""

    def __init__(self) -> None:
        self._recent = 0.0
        self._long = 0.0
        self._count = 0

    def record(self, seconds: float) -> bool:
        """Count one call; tell whether calls take much longer of late than they used to."""
        self._count += 1
        self._recent += (seconds - self._recent) / min(self._count, RECENT_CALLS)
        self._long += (seconds - self._long) / min(self._count, LONG_CALLS)
        if self._long > TOLERANCE * self._recent:
            self._long *= LONG_DECAY  # after a slow spell the long average would hide the next one
        return self._recent > TOLERANCE * max(self._long, SHORTEST_SECONDS)
