"""Turns: how one reader lets others work beside it."""

import time

import gevent

# the longest that reading from one connection may keep all other requests waiting
TURN_SECONDS = 0.005
# what was no work but a wait of another kind, such as for a slow caller, is not rested for
LONGEST_REST_SECONDS = 0.05
# a read that took longer has waited, and others had their turn
WAIT_SECONDS = 0.0005


class Turns:
    """Lets other requests, and deadlines, have their turn beside one reader.

    gevent's sockets and queues never wait while there is something to take: a peer that sends faster than we read
    would stop the worker. So after TURN_SECONDS without a wait the reader rests for as long as it has worked.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin a turn, after a wait in which others had theirs."""
        self._began = time.monotonic()

    def rest(self) -> None:
        """Rest where that is due."""
        worked = time.monotonic() - self._began
        if worked > TURN_SECONDS:
            gevent.sleep(min(worked, LONGEST_REST_SECONDS))
            self.begin()

    def __enter__(self) -> None:
        """Begin to read, which may wait; rest before where that is due."""
        self.rest()
        self._asked = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        """Take note of the end of a read."""
        if time.monotonic() - self._asked > WAIT_SECONDS:
            self.begin()
