"""Counts that end with their window, such as a day's tokens: in Redis where there is one, else in this process."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cachetools import TLRUCache

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

PREFIX = "ai-huggingface:count:"
# counts kept in this process; the one used least recently goes first
COUNTS = 100_000

# all windows or none; returns the number of the first that has no room
_RESERVE = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) + tonumber(ARGV[1]) > tonumber(ARGV[2 * i]) then return i end
end
for i, key in ipairs(KEYS) do
  redis.call('INCRBY', key, ARGV[1])
  redis.call('EXPIREAT', key, ARGV[2 * i + 1])
end
return 0
"""

# a window that is over is left so
_CORRECT = """
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('INCRBY', key, ARGV[1]) end
end
return 0
"""


@dataclass(frozen=True)
class QuotaWindow:
    """At most `limit` under this key until `end`; `name` is that of the limit."""

    name: str
    key: str
    limit: int
    end: datetime


def _clock() -> float:
    return time.time()


@dataclass
class _Count:
    used: int
    end: float


class FixedWindowCounters:
    """Counts by window."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._near: TLRUCache[str, _Count] = TLRUCache(COUNTS, ttu=lambda _key, one, _now: one.end, timer=_clock)

    def reserve(self, windows: Sequence[QuotaWindow], amount: int, allowance: TimeBudget) -> QuotaWindow | None:
        """Add an amount to all windows; where one has no room for it, return that one and add nothing.

        Where Redis cannot tell there is room.
        """
        if not self._store.configured:
            return self._reserve_near(windows, amount)
        limits = [fact for window in windows for fact in (window.limit, int(window.end.timestamp()))]
        command = ("EVAL", _RESERVE, len(windows), *(PREFIX + window.key for window in windows), amount, *limits)
        full = self._store.execute(allowance, int, command)
        return windows[full - 1] if full else None

    def adjust(self, windows: Sequence[QuotaWindow], amount: int, allowance: TimeBudget) -> None:
        """Add an amount, which may be negative, to windows that are not over."""
        if self._store.configured:
            command = ("EVAL", _CORRECT, len(windows), *(PREFIX + window.key for window in windows), amount)
            self._store.execute(allowance, int, command)
        for window in windows:
            if (count := self._near.get(window.key)) is not None:
                count.used += amount

    def _reserve_near(self, windows: Sequence[QuotaWindow], amount: int) -> QuotaWindow | None:
        counts = [self._near.get(window.key) or _Count(0, window.end.timestamp()) for window in windows]
        for window, count in zip(windows, counts, strict=True):
            if count.used + amount > window.limit:
                return window
        for window, count in zip(windows, counts, strict=True):
            count.used += amount
            self._near[window.key] = count
        return None
