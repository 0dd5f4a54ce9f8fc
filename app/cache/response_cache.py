"""Keeps answers for a time: in this process, and in Redis where there is one."""

from typing import Any

from cachetools import TTLCache

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

# what an entry costs beside its bytes: two objects, a node of the list that orders them by age
ENTRY_BYTES = 500
# up to so many bytes a value is kept as it was read too; that takes less than so many times as much
SHORT_BYTES, SHORT_TIMES = 2048, 6
PREFIX = "ai-huggingface:cache:"


class CachedBytes(bytes):
    """A value, and what was read from it by one way to read it; kept of short ones, which are counted for more."""

    parsed: tuple[Any, Any] | None = None

    @property
    def is_short(self) -> bool:
        """Whether what was read may be kept."""
        return len(self) <= SHORT_BYTES


class ResponseCache:
    """Values by key for `ttl` seconds; in this process at most `max_bytes` of them, the least recently used go first.

    A `ttl` of 0 keeps nothing.
    """

    def __init__(self, store: RedisStore, ttl: float, max_bytes: int) -> None:
        self._store = store
        self._ttl = ttl
        self._max_bytes = max_bytes
        self._near: TTLCache[str, bytes] = TTLCache(max_bytes, ttl, getsizeof=_size)

    def get_local(self, key: str) -> bytes | None:
        """Return the value that is in this process, None where there is none."""
        return self._near.get(key)

    def get_shared(self, key: str, allowance: TimeBudget) -> bytes | None:
        """Return the value that is in the store; what it means is not checked."""
        return self._store.execute(allowance, _bytes, ("GET", PREFIX + key)) if self._ttl else None

    def set(self, key: str, value: bytes, allowance: TimeBudget) -> None:
        """Keep a value, unless it is larger than the whole cache."""
        if not self._ttl or _size(value) > self._max_bytes:
            return
        self._near[key] = value
        milliseconds = max(1, round(self._ttl * 1000))
        self._store.execute(allowance, bool, ("SET", PREFIX + key, value, "PX", milliseconds))


def _bytes(value: object) -> bytes | None:
    if value is not None and not isinstance(value, bytes):
        raise ValueError
    return value


def _size(value: bytes) -> int:
    times = SHORT_TIMES if isinstance(value, CachedBytes) and value.is_short else 1
    return len(value) * times + ENTRY_BYTES
