"""A cache in this process whose space clients share: what one of them stores evicts no value of a smaller one."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace

# outdated sizes that are kept for each client, to sort sizes rarely
MAX_OUTDATED = 4


@dataclass(slots=True)
class _Entry:
    """A value, its size in bytes, the monotonic time of its end, and the client that stored it."""

    value: bytes
    size: int
    expires: float
    client: str


@dataclass(slots=True)
class _Share:
    """The keys of one client, the least recently used first, and the size of their values in bytes."""

    keys: OrderedDict[str, None] = field(default_factory=OrderedDict)
    size: int = 0


class FairCache:
    """Values by key, stored for `ttl` seconds; all of them take at most `max_bytes` bytes.

    One client may use all bytes while no other one stores values. A full cache evicts the least recently used value of
    the client that holds most. So a client keeps its values while it holds at most its fair share, `max_bytes` divided
    by the clients with values. Reads take constant time, writes a time that grows with the logarithm of the clients.
    """

    def __init__(self, max_bytes: int, ttl: float) -> None:
        self._max_bytes = max_bytes
        self._ttl = ttl
        self._size = 0
        # in the order of their writes, so the first one expires first
        self._entries: dict[str, _Entry] = {}
        self._shares: dict[str, _Share] = {}
        # a heap of negative sizes and clients; at least one of each client is no smaller than its size
        self._sizes: list[tuple[int, str]] = []

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        entry = self._entries.get(key)
        if entry is None or entry.expires <= time.monotonic():
            return None
        self._shares[entry.client].keys.move_to_end(key)
        return entry.value

    def set(self, key: str, value: bytes, size: int, client: str) -> None:
        """Store a value for a client; `size` is at most `max_bytes`."""
        now = time.monotonic()
        if key in self._entries:
            self._remove(key)
        while self._entries and self._entries[oldest := next(iter(self._entries))].expires <= now:
            self._remove(oldest)
        self._entries[key] = _Entry(value, size, now + self._ttl, client)
        share = self._shares.get(client) or self._shares.setdefault(client, _Share())
        share.keys[key] = None
        share.size += size
        self._size += size
        self._note_size(client, share.size)
        while self._size > self._max_bytes:
            self._remove(next(iter(self._shares[self._largest()].keys)))

    def _note_size(self, client: str, size: int) -> None:
        heappush(self._sizes, (-size, client))
        if len(self._sizes) > MAX_OUTDATED * len(self._shares):
            self._sizes = [(-share.size, name) for name, share in self._shares.items()]
            heapify(self._sizes)

    def _largest(self) -> str:
        """Return the client that holds most; drop outdated sizes that hide it."""
        while True:
            size, client = self._sizes[0]
            share = self._shares.get(client)
            if share is None:
                heappop(self._sizes)
            elif share.size < -size:
                heapreplace(self._sizes, (-share.size, client))
            else:
                return client

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key)
        share = self._shares[entry.client]
        del share.keys[key]
        share.size -= entry.size
        self._size -= entry.size
        if not share.keys:
            del self._shares[entry.client]
