"""Counts what happened in the last seconds."""

import time
from collections import deque


class SlidingWindow:
    """Events of the last `seconds`, some of them marked."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._events: deque[tuple[float, bool]] = deque()
        self._marked = 0

    def add(self, *, marked: bool = False) -> None:
        """Count one event now."""
        self._events.append((time.monotonic(), marked))
        self._marked += marked
        self._forget_old()

    def counts(self) -> tuple[int, int]:
        """Return how many events there were, and how many of them were marked."""
        self._forget_old()
        return len(self._events), self._marked

    def clear(self) -> None:
        """Forget all events."""
        self._events.clear()
        self._marked = 0

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._seconds
        while self._events and self._events[0][0] < oldest:
            self._marked -= self._events.popleft()[1]
