"""Counts requests in moving windows: exact across workers and replicas with Redis, in this process without."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from cachetools import LRUCache

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore
from app.sliding_window import SlidingWindow

PREFIX = "ai-huggingface:rate:"
# windows kept in this process; the one used least recently goes first
WINDOWS = 100_000
_MICRO = 1_000_000

# Redis' own clock, so that replicas need not agree on the time. Times are texts: as numbers Lua would round them.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and tonumber(oldest) <= now - ARGV[2] do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end
local count = redis.call('LLEN', KEYS[1])
local room = count < tonumber(ARGV[1])
if room then
  redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
  count = count + 1
end
return {room and 1 or 0, count, (oldest or now) + ARGV[2] - now}
"""


@dataclass(frozen=True)
class RateLimitDecision:
    """Whether there was room; how many the window holds now, and the seconds until the oldest of them leaves it."""

    allowed: bool
    count: int
    wait: float


class SlidingWindowLimiter:
    """Windows by key, each with at most `limit` requests in the last `seconds`."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._near: OrderedDict[str, SlidingWindow] = OrderedDict()
        self._full_until: LRUCache[str, float] = LRUCache(WINDOWS)

    def hit(self, key: str, limit: int, seconds: float, allowance: TimeBudget) -> RateLimitDecision | None:
        """Put one request into a window if there is room; None where Redis cannot tell."""
        if not self._store.configured:
            return self._take_near(key, limit, seconds)
        command = ("EVAL", _TAKE, 1, PREFIX + key, limit, round(seconds * _MICRO))
        taken = self._store.execute(allowance, _taken, command)
        if taken is None:
            return None if self._store.failing else self._known_full(key, limit)
        if not taken.allowed:
            self._full_until[key] = time.monotonic() + taken.wait
        return taken

    def _known_full(self, key: str, limit: int) -> RateLimitDecision | None:
        """Return what Redis said before one question that it was late to answer: a full window is so for a time."""
        wait = self._full_until.get(key, 0.0) - time.monotonic()
        return RateLimitDecision(False, limit, wait) if wait > 0 else None

    def _take_near(self, key: str, limit: int, seconds: float) -> RateLimitDecision:
        window = self._near.get(key) or SlidingWindow(seconds)
        self._near[key] = window
        self._near.move_to_end(key)
        window.evict_expired()
        if allowed := window.count < limit:
            window.add()
        if len(self._near) > WINDOWS:
            self._near.popitem(last=False)
        return RateLimitDecision(allowed, window.count, window.seconds_until_free())


def _taken(result: list[int]) -> RateLimitDecision:
    """Read the script's result; raise ValueError or TypeError where it is no such thing."""
    allowed, count, wait = map(int, result)
    return RateLimitDecision(bool(allowed), count, wait / _MICRO)
