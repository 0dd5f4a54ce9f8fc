"""Lets one text, or one group of short texts, at a time use the models: single calls before lists."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# after this number of single calls one text of a waiting list runs, so that lists end too
MAX_SINGLES_IN_A_ROW = 16


class Turns:
    """The order in which threads use the models. Each turn is handed to the thread that is next, which alone wakes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # a waiting thread acquires the lock that it has queued a second time
        self._singles: deque[threading.Lock] = deque()
        self._lists: deque[threading.Lock] = deque()
        self._taken = False
        self._singles_in_a_row = 0

    def __len__(self) -> int:
        """The number of waiting texts."""
        return len(self._singles) + len(self._lists)

    @contextmanager
    def turn(self, *, single: bool) -> Iterator[None]:
        """Run the block alone, after all earlier calls of its kind; a text of a list lets single calls pass."""
        handed_over = threading.Lock()
        with self._lock:
            if self._taken:
                handed_over.acquire()
                (self._singles if single else self._lists).append(handed_over)
            self._taken = True
        with handed_over:
            self._singles_in_a_row = self._singles_in_a_row + 1 if single else 0
            try:
                yield
            finally:
                self._hand_over()

    def _hand_over(self) -> None:
        """Let the next thread run, if one waits."""
        with self._lock:
            lists_wait = self._singles_in_a_row >= MAX_SINGLES_IN_A_ROW and self._lists
            queue = self._singles if self._singles and not lists_wait else self._lists
            if queue:
                queue.popleft().release()
            else:
                self._taken = False
