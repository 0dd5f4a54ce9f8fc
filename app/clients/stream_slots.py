"""Places that callers hold for a time, such as those of streams: in Redis where there is one, else in this process."""

from collections import defaultdict

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

PREFIX = "ai-huggingface:lease:"

# a place whose holder died with its process is free again when its time is over
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class DistributedSemaphore:
    """At most so many holders of each key."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._near: defaultdict[str, set[str]] = defaultdict(set)

    def acquire(self, key: str, limit: int, holder: str, seconds: int, allowance: TimeBudget) -> bool | None:
        """Take a place for a holder, for `seconds` at most; False where none is free, None where Redis cannot tell."""
        if self._store.configured:
            return self._store.execute(allowance, bool, ("EVAL", _TAKE, 1, PREFIX + key, limit, seconds, holder))
        if len(self._near[key]) >= limit:
            return False
        self._near[key].add(holder)
        return True

    def release(self, key: str, holder: str, allowance: TimeBudget) -> None:
        """Give a place back."""
        if self._store.configured:
            self._store.execute(allowance, bool, ("ZREM", PREFIX + key, holder))
            return
        self._near[key].discard(holder)
        if not self._near[key]:
            del self._near[key]
