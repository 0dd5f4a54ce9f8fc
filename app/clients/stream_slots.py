"""Slots of concurrent streams: in Redis if it is configured, or in this process."""

from collections import defaultdict

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

PREFIX = "ai-huggingface:lease:"

# A slot expires: its holder may have died with its process.
_ACQUIRE_SCRIPT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class DistributedSemaphore:
    """A limited number of holders for each key."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._local: defaultdict[str, set[str]] = defaultdict(set)

    def acquire(self, key: str, limit: int, holder: str, seconds: int, budget: TimeBudget) -> bool | None:
        """Return whether the holder got a slot, for at most `seconds`; None if Redis gives no reply."""
        if self._store.configured:
            command = ("EVAL", _ACQUIRE_SCRIPT, 1, PREFIX + key, limit, seconds, holder)
            return self._store.execute(budget, bool, command)
        if len(self._local[key]) >= limit:
            return False
        self._local[key].add(holder)
        return True

    def release(self, key: str, holder: str, budget: TimeBudget) -> None:
        """Free the slot of a holder; does nothing if the holder has none."""
        if self._store.configured:
            self._store.execute(budget, bool, ("ZREM", PREFIX + key, holder))
            return
        self._local[key].discard(holder)
        if not self._local[key]:
            del self._local[key]
