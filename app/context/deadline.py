"""Time limits: the deadline of a request, and a budget that several waits share."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from app.errors import UpstreamTimeout

# shared by all Redis commands of one request
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

        A socket timeout bounds a single read, so a slow drip of bytes never triggers it. This timer bounds the block.
        """
        seconds = self.remaining()
        return gevent.Timeout(seconds if within is None else min(within, seconds), UpstreamTimeout)


class TimeBudget:
    """Seconds of waiting that several calls share; `left` is the unused part.

    Counted in event-loop ticks: time while the loop is blocked is not charged.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def consume(self, exhausted: Exception) -> Iterator[None]:
        """Charge the time of the block to the budget; raise `exhausted` in the block when nothing is left."""
        greenlet, started, max_ticks = gevent.getcurrent(), time.monotonic(), math.ceil(self.left / TICK_SECONDS)
        ticks = 0

        def tick() -> None:
            nonlocal ticks
            ticks += 1
            if ticks == max_ticks:
                greenlet.throw(exhausted)

        timer = gevent.get_hub().loop.timer(TICK_SECONDS, TICK_SECONDS)
        timer.start(tick)
        try:
            yield
        finally:
            timer.close()
            charged = min(time.monotonic() - started, (ticks + 1) * TICK_SECONDS)
            self.left = max(0.0, self.left - charged) if ticks < max_ticks else 0.0
