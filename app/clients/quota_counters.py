"""Counters of calendar windows, such as the tokens of a day: in Redis if it is configured, or in this process."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cachetools import TLRUCache

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

PREFIX = "ai-huggingface:count:"
# counters held in this process; the least recently used one is evicted first
MAX_LOCAL_COUNTERS = 100_000

# Adds to all windows or to none; returns the number, from 1, of the first window without room, or 0.
_RESERVE_SCRIPT = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) + tonumber(ARGV[1]) > tonumber(ARGV[2 * i]) then return i end
end
for i, key in ipairs(KEYS) do
  redis.call('INCRBY', key, ARGV[1])
  redis.call('EXPIREAT', key, ARGV[2 * i + 1])
end
return 0
"""

# Skips windows that have ended: INCRBY would create them again, without an expiry.
_ADJUST_SCRIPT = """
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('INCRBY', key, ARGV[1]) end
end
return 0
"""


@dataclass(frozen=True)
class QuotaWindow:
    """At most `limit` under `key` until `end`; `name` is that of the setting."""

    name: str
    key: str
    limit: int
    end: datetime


@dataclass
class _Counter:
    used: int
    end: float


class FixedWindowCounters:
    """One counter for each window."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._local: TLRUCache[str, _Counter] = TLRUCache(
            MAX_LOCAL_COUNTERS, ttu=lambda _key, counter, _now: counter.end, timer=_wall_clock
        )

    def reserve(self, windows: Sequence[QuotaWindow], amount: int, budget: TimeBudget) -> QuotaWindow | None:
        """Add the amount to all windows and return None; or add nothing and return the first window without room.

        If Redis gives no reply, all windows count as having room.
        """
        if not self._store.configured:
            return self._reserve_local(windows, amount)
        limits = [value for window in windows for value in (window.limit, int(window.end.timestamp()))]
        keys = [PREFIX + window.key for window in windows]
        full = self._store.execute(budget, int, ("EVAL", _RESERVE_SCRIPT, len(keys), *keys, amount, *limits))
        return windows[full - 1] if full else None

    def adjust(self, windows: Sequence[QuotaWindow], amount: int, budget: TimeBudget) -> None:
        """Add the amount, which may be negative, to the windows that have not ended."""
        if self._store.configured:
            keys = [PREFIX + window.key for window in windows]
            self._store.execute(budget, int, ("EVAL", _ADJUST_SCRIPT, len(keys), *keys, amount))
            return
        for window in windows:
            if (counter := self._local.get(window.key)) is not None:
                counter.used += amount

    def _reserve_local(self, windows: Sequence[QuotaWindow], amount: int) -> QuotaWindow | None:
        counters = [self._local.get(window.key) or _Counter(0, window.end.timestamp()) for window in windows]
        for window, counter in zip(windows, counters, strict=True):
            if counter.used + amount > window.limit:
                return window
        for window, counter in zip(windows, counters, strict=True):
            counter.used += amount
            self._local[window.key] = counter
        return None


def _wall_clock() -> float:
    return time.time()
