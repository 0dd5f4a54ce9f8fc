"""What processes tell each other of one breaker, through Redis."""

from dataclasses import dataclass

from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

PREFIX = "ai-huggingface:breaker:"
# failures in a row count together where they are no further apart
FAILURES_SECONDS = 30
# an open breaker that nobody has asked for so long is forgotten
OPEN_SECONDS = 3600


@dataclass(frozen=True)
class SharedState:
    """The state that the processes share: seconds to the next probe, and outages in a row."""

    is_open: bool
    wait: float
    failures: int


class RedisBreakerState:
    """One breaker's keys in the store: open, wait (until the next probe) and failures.

    Where the store cannot be asked the process goes by what it knows itself.
    """

    def __init__(self, store: RedisStore, name: str, recovery: float) -> None:
        self._store = store
        self._open, self._wait, self._failures = (f"{PREFIX}{name}:{key}" for key in ("open", "wait", "failures"))
        self._recovery_ms = max(1, round(recovery * 1000))

    def read(self, allowance: TimeBudget) -> SharedState | None:
        """Read the state, in one round trip."""
        return self._store.execute(
            allowance, _seen, ("EXISTS", self._open), ("PTTL", self._wait), ("GET", self._failures)
        )

    def count_failure(self, allowance: TimeBudget) -> int:
        """Count one outage; return how many there were in a row, 0 where nobody can tell."""
        counted = self._store.execute(
            allowance,
            lambda count, _: int(count),
            ("INCR", self._failures),
            ("EXPIRE", self._failures, FAILURES_SECONDS),
        )
        return counted or 0

    def forget_failures(self, allowance: TimeBudget) -> None:
        """Start the count again."""
        self._store.execute(allowance, _done, ("DEL", self._failures))

    def opened(self, allowance: TimeBudget) -> bool:
        """Tell that it opened now; return whether that was told."""
        commands = (
            ("SET", self._open, 1, "EX", OPEN_SECONDS),
            ("SET", self._wait, 1, "PX", self._recovery_ms),
            ("DEL", self._failures),
        )
        return self._store.execute(allowance, _done, *commands) is True

    def closed(self, allowance: TimeBudget) -> bool:
        """Tell that it closed; return whether that was told."""
        return self._store.execute(allowance, _done, ("DEL", self._open, self._wait, self._failures)) is True

    def acquire_probe(self, allowance: TimeBudget) -> bool:
        """Take this interval's probe; False where another process has it."""
        command = ("SET", self._wait, 1, "PX", self._recovery_ms, "NX")
        return self._store.execute(allowance, lambda taken: taken is None, command) is not True


def _done(*_results: object) -> bool:
    return True


def _seen(is_open: int, wait_ms: int, failures: bytes | None) -> SharedState:
    """Read the three results; raise ValueError where they are no such thing."""
    if is_open not in (0, 1):
        raise ValueError
    # below a millisecond there are 0 left, but not nothing
    return SharedState(bool(is_open), max(0, int(wait_ms) or 1) / 1000, int(failures or b"0", 10))
