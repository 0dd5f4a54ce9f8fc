"""The clients behind the failures that a circuit breaker counts."""

import hashlib
import time
from collections import Counter, deque
from functools import lru_cache

MAX_FAILURES = 256


class FailureShares:
    """Finds out whether the failures of a window are those of one client only.

    Some upstreams answer 500 to a request that they cannot read, as often as it is sent. Such a client must not take
    the backend from the others.
    """

    def __init__(self, seconds: float, max_failures: int) -> None:
        """`max_failures` is the number of failures that open the breaker: half of it must be other clients'."""
        self._seconds = seconds
        self._needed = (max_failures + 1) // 2
        self._failures: deque[tuple[float, str]] = deque(maxlen=MAX_FAILURES)

    def add(self, client: str) -> None:
        """Count a failure of a call that this client made; "" is a call of no client."""
        self._failures.append((time.monotonic(), client))

    def sole_client(self) -> str | None:
        """Return the client without whose failures too few are left; None if there is none."""
        since = time.monotonic() - self._seconds
        counts = Counter(client for at, client in self._failures if at >= since)
        client, failures = counts.most_common(1)[0] if counts else ("", 0)
        return client if client and counts.total() - failures < self._needed else None

    def clear(self) -> None:
        """Forget all failures."""
        self._failures.clear()


@lru_cache(256)
def owner_of(client: str) -> str:
    """Return what stands for a client in Redis: a digest, because its id may be an address."""
    return hashlib.sha256(client.encode()).hexdigest()[:16]
