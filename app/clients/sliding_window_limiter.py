"""Sliding-window rate limits: exact across workers and replicas with Redis, and per process without it."""

import time
from collections import OrderedDict, defaultdict
from dataclasses import dataclass

from cachetools import TLRUCache

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore
from app.sliding_window import SlidingWindow

PREFIX = "ai-huggingface:rate:"
# windows of one length held in this process; the least recently used one is evicted first
MAX_LOCAL_WINDOWS = 100_000
# Expired windows that one request evicts, in about a millisecond: a flood from many addresses leaves as many windows.
MAX_EVICTIONS = 1000
_MICROSECONDS = 1_000_000

# Uses the clock of Redis, because the clocks of replicas differ. Times are stored as text: Lua would round numbers.
_HIT_SCRIPT = """
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
    """Whether a request is allowed, the requests in its window, and the seconds until the oldest of them expires."""

    allowed: bool
    count: int
    wait: float


class SlidingWindowLimiter:
    """One window for each key, with at most `limit` requests in the last `seconds`."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        # by their length in seconds, so that in each group the least recently used window expires first
        self._local: defaultdict[float, OrderedDict[str, SlidingWindow]] = defaultdict(OrderedDict)
        self._full_until: TLRUCache[str, float] = TLRUCache(
            MAX_LOCAL_WINDOWS, ttu=lambda _key, until, _now: until, timer=_monotonic_clock
        )

    def hit(self, key: str, limit: int, seconds: float, budget: TimeBudget) -> RateLimitDecision | None:
        """Count one request if its window has room; return None if Redis gives no reply."""
        if not self._store.configured:
            return self._hit_local(key, limit, seconds)
        command = ("EVAL", _HIT_SCRIPT, 1, PREFIX + key, limit, round(seconds * _MICROSECONDS))
        decision = self._store.execute(budget, _parse_decision, command)
        if decision is None:
            return None if self._store.failing else self._cached_rejection(key, limit)
        if not decision.allowed:
            self._full_until[key] = time.monotonic() + decision.wait
        return decision

    def _cached_rejection(self, key: str, limit: int) -> RateLimitDecision | None:
        """Reject without Redis if its last decision still holds: a full window stays full until a request expires."""
        wait = self._full_until.get(key, 0.0) - time.monotonic()
        return RateLimitDecision(False, limit, wait) if wait > 0 else None

    def _hit_local(self, key: str, limit: int, seconds: float) -> RateLimitDecision:
        windows = self._local[seconds]
        window = windows.get(key) or SlidingWindow(seconds)
        windows[key] = window
        windows.move_to_end(key)
        window.evict_expired()
        if allowed := window.count < limit:
            window.add()
        if len(windows) > MAX_LOCAL_WINDOWS:
            windows.popitem(last=False)
        for length, group in self._local.items():
            if _evict_expired(group) > len(group):
                self._local[length] = OrderedDict(group)  # the table of a dictionary shrinks by a copy only
        return RateLimitDecision(allowed, window.count, window.seconds_until_free())


def _evict_expired(windows: OrderedDict[str, SlidingWindow]) -> int:
    """Remove up to MAX_EVICTIONS expired windows, the least recently used first; return their number.

    The last window stays.
    """
    evictable = min(MAX_EVICTIONS, len(windows) - 1)
    for evicted in range(evictable):
        count, _failures = next(iter(windows.values())).counts()
        if count:
            return evicted
        windows.popitem(last=False)
    return evictable


def _parse_decision(result: list[int]) -> RateLimitDecision:
    """Return the script's result as a decision; raise ValueError or TypeError for any other result."""
    allowed, count, wait = map(int, result)
    return RateLimitDecision(bool(allowed), count, wait / _MICROSECONDS)


def _monotonic_clock() -> float:
    return time.monotonic()
