"""Bulkheads, one for each backend: so many calls in flight, a short wait, and no more; fewer while it struggles."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Overloaded, ServiceError

WAIT_SECONDS = 0.25
SMALLEST_LIMIT = 4.0
SHRINK = 0.9
# how many calls the two averages of latency look back, and how far apart they may be
RECENT_CALLS = 20
LONG_CALLS = 600
TOLERANCE = 2.0
LONG_DECAY = 0.95
SMALLEST_GRADIENT = 0.5
SMOOTHING = 0.2
# below this a difference of latencies is noise of our own
SHORTEST_SECONDS = 0.01


class Bulkhead:
    """At most `most` calls at a time, fewer while they fail or grow slow.

    The limit follows AIMD on failures (additive increase, multiplicative decrease; Chiu and Jain, 1989): an outage
    shrinks it by a tenth, a success while it is in use lets it grow by one for each round of as many calls. It follows
    Gradient2 on latency (Netflix, concurrency-limits): while the recent latency of a route is more than TOLERANCE times
    its long average, successes shrink it instead, by how much more.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._smallest = min(SMALLEST_LIMIT, self._most)
        self._limit = self._most
        self._in_flight = 0
        self._waiting = 0
        self._left = threading.Condition()
        self._latencies: defaultdict[str, Latency] = defaultdict(Latency)

    @contextmanager
    def guard(self, route: str, seconds: float) -> Iterator[float]:
        """Run the block as one of the calls in flight; wait for a place for at most `seconds`, or WAIT_SECONDS.

        Gives the block the seconds waited. Latencies are compared within a route.

        Raises Overloaded where there is none, at once where as many wait already as may be in flight.
        """
        asked = time.monotonic()
        self._enter(asked + min(seconds, WAIT_SECONDS))
        started = time.monotonic()
        try:
            yield started - asked
        except ServiceError as error:
            if error.outage:
                self._set(self._limit * SHRINK)
            raise
        else:
            self._adapt(self._latencies[route].gradient(time.monotonic() - started))
        finally:
            with self._left:
                self._in_flight -= 1
                self._left.notify()

    def _adapt(self, gradient: float) -> None:
        """Follow the latency; a limit that is not in use says nothing of the backend."""
        if self._in_flight < self._limit / 2:
            return
        grown = self._limit + 1 / self._limit
        self._set(grown if gradient == 1 else self._limit * (1 - SMOOTHING * (1 - gradient)))

    def _set(self, limit: float) -> None:
        self._limit = min(self._most, max(self._smallest, limit))

    def _enter(self, end: float) -> None:
        with self._left:
            if self._in_flight >= self._limit and self._waiting >= self._limit:
                raise Overloaded
            self._waiting += 1
            try:
                while self._in_flight >= self._limit:
                    if not self._left.wait(end - time.monotonic()):
                        raise Overloaded
            finally:
                self._waiting -= 1
            self._in_flight += 1


class Latency:
    """Two moving averages of a route's latency: a recent one, and a long one to compare it with."""

    def __init__(self) -> None:
        self._recent = 0.0
        self._long = 0.0
        self._count = 0

    def gradient(self, seconds: float) -> float:
        """Count one call; return 1 while latency is as usual, down to SMALLEST_GRADIENT as it climbs."""
        self._count += 1
        self._recent += (seconds - self._recent) / min(self._count, RECENT_CALLS)
        self._long += (seconds - self._long) / min(self._count, LONG_CALLS)
        if self._long > 2 * self._recent:
            self._long *= LONG_DECAY  # after a slow spell the long average would hide the next one
        return max(SMALLEST_GRADIENT, min(1.0, TOLERANCE * self._long / max(self._recent, SHORTEST_SECONDS)))
