"""Turns: how one reader lets others work beside it."""

import time

import gevent

# the longest that reading from one connection may keep all other requests waiting
SLICE_SECONDS = 0.005
# what was no work but a wait of another kind, such as for a slow caller, is not rested for
MAX_YIELD_SECONDS = 0.05
# a read that took longer has waited, and others had their turn
MIN_BLOCKED_SECONDS = 0.0005


class CoopBudget:
    """Lets other requests, and deadlines, have their turn beside one reader.

    gevent's sockets and queues never wait while there is something to take: a peer that sends faster than we read
    would stop the worker. So after SLICE_SECONDS without a wait the reader rests for as long as it has worked.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin a turn, after a wait in which others had theirs."""
        self._began = time.monotonic()

    def yield_if_due(self) -> None:
        """Rest where that is due."""
        worked = time.monotonic() - self._began
        if worked > SLICE_SECONDS:
            gevent.sleep(min(worked, MAX_YIELD_SECONDS))
            self.restart()

    def __enter__(self) -> None:
        """Begin to read, which may wait; rest before where that is due."""
        self.yield_if_due()
        self._asked = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        """Take note of the end of a read."""
        if time.monotonic() - self._asked > MIN_BLOCKED_SECONDS:
            self.restart()
