"""Limits of time: the deadline of a request, and a budget that several waits share."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from app.errors import UpstreamTimeout

# all Redis commands of one request share this budget
REDIS_BUDGET_SECONDS = 0.05
TICK_SECONDS = 0.005
# a healthy model may need this long for its first token
MIN_COUNTED_SECONDS = 1.0


class Deadline:
    """The moment, `seconds` from now, by which a request must be answered.

    If an attempt had less than `min_counted` seconds, its timeout does not count as a failure of the backend.
    """

    def __init__(self, seconds: float, min_counted: float = MIN_COUNTED_SECONDS) -> None:
        self._end = time.monotonic() + seconds
        self.min_counted = min_counted

    def remaining(self) -> float:
        """Return the seconds left, or zero after the deadline."""
        return max(0.0, self._end - time.monotonic())

    def timeout(self, within: float | None = None) -> gevent.Timeout:
        """Return a context manager that raises UpstreamTimeout at the deadline, or after `within` seconds if sooner.

        A socket timeout bounds one read, so an upstream that drips bytes outlives it. This timer bounds the whole.
        """
        seconds = self.remaining()
        return gevent.Timeout(seconds if within is None else min(within, seconds), UpstreamTimeout)


class TimeBudget:
    """Seconds of waiting that several calls share.

    Counted in event-loop ticks: time while the loop is blocked is not charged.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def consume(self, spent: Exception) -> Iterator[None]:
        """Charge the time of the block to the budget; raise `spent` inside the block when the budget is used up."""
        waiting, started, last = gevent.getcurrent(), time.monotonic(), math.ceil(self.left / TICK_SECONDS)
        ticks = 0

        def tick() -> None:
            nonlocal ticks
            ticks += 1
            if ticks == last:
                waiting.throw(spent)

        timer = gevent.get_hub().loop.timer(TICK_SECONDS, TICK_SECONDS)
        timer.start(tick)
        try:
            yield
        finally:
            timer.close()
            taken = min(time.monotonic() - started, (ticks + 1) * TICK_SECONDS)
            self.left = max(0.0, self.left - taken) if ticks < last else 0.0
