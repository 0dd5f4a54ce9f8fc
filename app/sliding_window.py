"""Counts what happened in the last seconds, in so little memory whatever the rate."""

import time

# of a window; what happens within one of them leaves the window together, with the last of it
SLOTS = 1000


class SlidingWindow:
    """Events of the last `seconds`, some of them marked."""

    __slots__ = ("_begun", "_counts", "_marks", "_seconds", "_times", "count", "failures")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.clear()

    def clear(self) -> None:
        """Forget all events."""
        self._begun = 0.0  # the newest slot
        # of each slot: its last event, how many, and how many were marked
        self._times: list[float] = []
        self._counts: list[int] = []
        self._marks: list[int] = []
        self.count = self.failures = 0

    def add(self, *, failed: bool = False) -> None:
        """Count one event now."""
        now = time.monotonic()
        self.count += 1
        self.failures += failed
        if self._times and now < self._begun + self._seconds / SLOTS:
            self._times[-1] = now
            self._counts[-1] += 1
            self._marks[-1] += failed
            return
        self._begun = now
        self._times.append(now)
        self._counts.append(1)
        self._marks.append(int(failed))
        self.evict_expired()

    def counts(self) -> tuple[int, int]:
        """Return how many events there were, and how many of them were marked."""
        self.evict_expired()
        return self.count, self.failures

    def seconds_until_free(self) -> float:
        """Return the seconds until fewer events are in the window than now."""
        return self._times[0] + self._seconds - time.monotonic()

    def evict_expired(self) -> None:
        """Take out of `count` and `marked` what is too old."""
        oldest = time.monotonic() - self._seconds
        old = 0
        while old < len(self._times) and self._times[old] <= oldest:
            self.count -= self._counts[old]
            self.failures -= self._marks[old]
            old += 1
        if old:
            del self._times[:old], self._counts[:old], self._marks[:old]
