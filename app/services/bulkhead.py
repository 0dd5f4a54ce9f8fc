"""Bulkheads, one for each backend: so many calls in flight, a short wait, and no more."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Overloaded, ServiceError

WAIT_SECONDS = 0.25
SMALLEST_LIMIT = 4.0
SHRINK = 0.9


class Bulkhead:
    """At most `most` calls at a time, fewer while they fail.

    The limit follows AIMD (additive increase, multiplicative decrease; Chiu and Jain, 1989): an outage shrinks it by a
    tenth, a success while it is in full use lets it grow by one for each round of as many calls.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._smallest = min(SMALLEST_LIMIT, self._most)
        self._limit = self._most
        self._in_flight = 0
        self._waiting = 0
        self._left = threading.Condition()

    @contextmanager
    def guard(self, seconds: float) -> Iterator[float]:
        """Run the block as one of the calls in flight; wait for a place for at most `seconds`, or WAIT_SECONDS.

        Gives the block the seconds waited.

        Raises Overloaded where there is none, at once where as many wait already as may be in flight.
        """
        started = time.monotonic()
        self._enter(started + min(seconds, WAIT_SECONDS))
        try:
            yield time.monotonic() - started
        except ServiceError as error:
            if error.outage:
                self._limit = max(self._smallest, self._limit * SHRINK)
            raise
        else:
            if self._in_flight >= self._limit - 1:
                self._limit = min(self._most, self._limit + 1 / self._limit)
        finally:
            with self._left:
                self._in_flight -= 1
                self._left.notify()

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
