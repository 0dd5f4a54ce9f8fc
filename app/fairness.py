"""A budget of time for reading, after which a reader yields to other requests."""

import time

import gevent

# the longest time that reading one connection may block all other requests
SLICE_SECONDS = 0.005
# one yield is at most this long: time spent elsewhere, such as on a slow client, also counts as used
MAX_YIELD_SECONDS = 0.05
# a read that took longer has blocked, so other requests have run meanwhile
MIN_BLOCKED_SECONDS = 0.0005


class CoopBudget:
    """Makes one reader yield to other requests and to deadlines; use it as a context manager around each read.

    After SLICE_SECONDS without blocking, the reader sleeps for as long as it has worked.
    """

    # gevent's sockets and queues switch only when there is nothing to read.
    # Without a budget, a peer that sends faster than we read would stop the worker.

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start a new slice, after a wait in which other requests have run."""
        self._slice_started = time.monotonic()

    def yield_if_due(self) -> None:
        """Sleep if the slice is used up."""
        worked = time.monotonic() - self._slice_started
        if worked > SLICE_SECONDS:
            gevent.sleep(min(worked, MAX_YIELD_SECONDS))
            self.restart()

    def __enter__(self) -> None:
        """Yield if that is due, then start a read that may block."""
        self.yield_if_due()
        self._read_started = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        """End the read; start a new slice if the read has blocked."""
        if time.monotonic() - self._read_started > MIN_BLOCKED_SECONDS:
            self.restart()
