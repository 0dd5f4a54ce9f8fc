"""Caches responses for a time: in this process, and in Redis if it is configured."""

from typing import Any

from app.cache.fair_cache import FairCache
from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

# overhead in bytes of an entry that is its client's only one, measured: its key, its objects and the client's share
ENTRY_BYTES = 850
# A value of at most MAX_PARSED_BYTES is stored in parsed form too. It then counts PARSED_SIZE_FACTOR times its length,
# which is more than both forms take.
MAX_PARSED_BYTES = 2048
PARSED_SIZE_FACTOR = 6
PREFIX = "ai-huggingface:cache:"


class CachedBytes(bytes):
    """A value with room for its parsed form: the identity of the parser, and the result."""

    parsed: tuple[Any, Any] | None = None

    @property
    def may_store_parsed(self) -> bool:
        """Whether the value is short enough to store its parsed form."""
        return len(self) <= MAX_PARSED_BYTES


class ResponseCache:
    """Values by key, stored for `ttl` seconds; a `ttl` of 0 turns the cache off.

    This process stores at most `max_bytes` bytes, which its clients share fairly: it evicts the least recently used
    entries of the client that holds most.
    """

    def __init__(self, store: RedisStore, ttl: float, max_bytes: int) -> None:
        self._store = store
        self._ttl = ttl
        self._max_bytes = max_bytes
        self._local = FairCache(max_bytes, ttl)

    def get_local(self, key: str) -> bytes | None:
        """Return the value stored in this process, or None."""
        return self._local.get(key)

    def get_shared(self, key: str, budget: TimeBudget) -> bytes | None:
        """Return the value stored in Redis, or None. Another writer may have changed it: the caller checks it."""
        return self._store.execute(budget, _require_bytes, ("GET", PREFIX + key)) if self._ttl else None

    def set(self, key: str, value: bytes, budget: TimeBudget, client: str = "") -> None:
        """Store a value in the share of a client, unless it is larger than the complete cache."""
        size = _size(value)
        if not self._ttl or size > self._max_bytes:
            return
        self._local.set(key, value, size, client)
        milliseconds = max(1, round(self._ttl * 1000))
        self._store.execute(budget, bool, ("SET", PREFIX + key, value, "PX", milliseconds))


def _require_bytes(value: object) -> bytes | None:
    if value is not None and not isinstance(value, bytes):
        raise ValueError
    return value


def _size(value: bytes) -> int:
    factor = PARSED_SIZE_FACTOR if isinstance(value, CachedBytes) and value.may_store_parsed else 1
    return len(value) * factor + ENTRY_BYTES
