"""The state of one breaker in Redis, shared by all workers and replicas."""

from dataclasses import dataclass

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

PREFIX = "ai-huggingface:breaker:"
# consecutive failures count together if they are at most this far apart
FAILURES_TTL_SECONDS = 30
# an open breaker that no process has updated for this time is dropped
OPEN_TTL_SECONDS = 3600


@dataclass(frozen=True)
class SharedState:
    """One reading of the shared state: `wait` is the time to the next probe in seconds, `failures` are consecutive.

    `owner` stands for the only client that an open breaker refuses, None if it refuses all.
    """

    is_open: bool
    wait: float
    failures: int
    owner: str | None = None


class RedisBreakerState:
    """The keys of one breaker: open, wait (present until the next probe is due), failures, and owner if it has one.

    If Redis does not answer, each process relies on its own state.
    """

    def __init__(self, store: RedisStore, name: str, recovery: float) -> None:
        self._store = store
        self._open, self._wait, self._failures, self._owner = (
            f"{PREFIX}{name}:{key}" for key in ("open", "wait", "failures", "owner")
        )
        self._recovery_ms = max(1, round(recovery * 1000))

    def read(self, budget: TimeBudget) -> SharedState | None:
        """Return the state, read in one round trip; None if Redis does not answer."""
        return self._store.execute(
            budget,
            _parse_state,
            ("EXISTS", self._open),
            ("PTTL", self._wait),
            ("GET", self._failures),
            ("GET", self._owner),
        )

    def count_failure(self, budget: TimeBudget) -> int:
        """Count one failure; return the number of consecutive failures, or 0 if Redis does not answer."""
        counted = self._store.execute(
            budget,
            lambda count, _: int(count),
            ("INCR", self._failures),
            ("EXPIRE", self._failures, FAILURES_TTL_SECONDS),
        )
        return counted or 0

    def reset_failures(self, budget: TimeBudget) -> None:
        """Set the number of consecutive failures back to zero."""
        self._store.execute(budget, _acknowledged, ("DEL", self._failures))

    def publish_open(self, budget: TimeBudget, owner: str | None = None) -> bool:
        """Publish that the breaker opened now, for its owner or for all; return whether Redis stored it."""
        commands = (
            ("SET", self._open, 1, "EX", OPEN_TTL_SECONDS),
            ("SET", self._wait, 1, "PX", self._recovery_ms),
            ("DEL", self._failures),
            ("SET", self._owner, owner, "EX", OPEN_TTL_SECONDS) if owner else ("DEL", self._owner),
        )
        return self._store.execute(budget, _acknowledged, *commands) is True

    def publish_closed(self, budget: TimeBudget) -> bool:
        """Publish that the breaker closed; return whether Redis stored it."""
        # one command for each key: in a Redis Cluster they may be in several slots
        commands = (("DEL", self._open), ("DEL", self._wait), ("DEL", self._failures), ("DEL", self._owner))
        return self._store.execute(budget, _acknowledged, *commands) is True

    def acquire_probe(self, budget: TimeBudget) -> bool:
        """Reserve the probe of this recovery interval; return False if another process holds it."""
        command = ("SET", self._wait, 1, "PX", self._recovery_ms, "NX")
        return self._store.execute(budget, lambda reply: reply is None, command) is not True


def _acknowledged(*_replies: object) -> bool:
    return True


def _parse_state(is_open: int, wait_ms: int, failures: bytes | None, owner: bytes | None = None) -> SharedState:
    """Parse the replies; raise ValueError if they are not the expected ones."""
    if is_open not in (0, 1):
        raise ValueError
    # Redis rounds a wait below one millisecond to 0, but it is not over
    wait = max(0, int(wait_ms) or 1) / 1000
    return SharedState(bool(is_open), wait, int(failures or b"0", 10), owner.decode() if owner else None)
