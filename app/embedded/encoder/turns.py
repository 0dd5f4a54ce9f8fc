"""Lets one text, or one group of short texts, at a time use the models: single calls before lists."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# after this number of single calls one text of a waiting list runs, so that lists end too
MAX_SINGLES_IN_A_ROW = 16


class Turns:
    """The order in which threads use the models."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._singles: deque[object] = deque()
        self._lists: deque[object] = deque()
        self._taken = False
        self._singles_in_a_row = 0

    def __len__(self) -> int:
        """The number of waiting texts."""
        return len(self._singles) + len(self._lists)

    @contextmanager
    def turn(self, *, single: bool) -> Iterator[None]:
        """Run the block alone, after all earlier calls of its kind; a text of a list lets single calls pass."""
        ticket, queue = object(), self._singles if single else self._lists
        with self._changed:
            queue.append(ticket)
            self._changed.wait_for(lambda: not self._taken and self._next()[0] is ticket)
            queue.popleft()
            self._taken = True
            self._singles_in_a_row = self._singles_in_a_row + 1 if single else 0
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()

    def _next(self) -> deque[object]:
        """Return the queue whose first ticket is next."""
        lists_wait = self._singles_in_a_row >= MAX_SINGLES_IN_A_ROW and self._lists
        return self._singles if self._singles and not lists_wait else self._lists
