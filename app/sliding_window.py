"""Counts the events of the last seconds in bounded memory, at any rate."""

import time

# A window groups its events into slots of equal length; all events of a slot expire together, with the last of them.
SLOTS = 1000


class SlidingWindow:
    """Events of the last `seconds`; `count` is their number, `failures` the number of those added as failed."""

    __slots__ = ("_seconds", "_slot_counts", "_slot_failures", "_slot_start", "_slot_times", "count", "failures")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.clear()

    def clear(self) -> None:
        """Remove all events."""
        # the start of the newest slot
        self._slot_start = 0.0
        # for each slot the time of its last event, its events and its failures; oldest first
        self._slot_times: list[float] = []
        self._slot_counts: list[int] = []
        self._slot_failures: list[int] = []
        self.count = self.failures = 0

    def add(self, *, failed: bool = False) -> None:
        """Count one event now."""
        now = time.monotonic()
        self.count += 1
        self.failures += failed
        if self._slot_times and now < self._slot_start + self._seconds / SLOTS:
            self._slot_times[-1] = now
            self._slot_counts[-1] += 1
            self._slot_failures[-1] += failed
            return
        self._slot_start = now
        self._slot_times.append(now)
        self._slot_counts.append(1)
        self._slot_failures.append(int(failed))
        self.evict_expired()

    def counts(self) -> tuple[int, int]:
        """Return the number of events in the window, and the number of failed ones."""
        self.evict_expired()
        return self.count, self.failures

    def seconds_until_free(self) -> float:
        """Return the seconds until the oldest events expire; the window must hold one."""
        return self._slot_times[0] + self._seconds - time.monotonic()

    def evict_expired(self) -> None:
        """Remove expired events from `count` and `failures`."""
        start = time.monotonic() - self._seconds
        expired = 0
        while expired < len(self._slot_times) and self._slot_times[expired] <= start:
            self.count -= self._slot_counts[expired]
            self.failures -= self._slot_failures[expired]
            expired += 1
        if expired:
            del self._slot_times[:expired], self._slot_counts[:expired], self._slot_failures[:expired]
