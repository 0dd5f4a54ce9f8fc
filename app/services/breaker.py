"""Circuit breakers, one for each backend and upstream route."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pybreaker

from app.errors import CircuitOpen, ServiceError
from app.services.window import SlidingWindow

# the window over which the share of outages is taken, and the fewest calls that make a share
RATE_SECONDS = 30.0
RATE_CALLS = 20


class Breaker:
    """A breaker whose guard runs calls in parallel and lets a single probe through when half open.

    pybreaker's `call()` holds its lock during the whole call and would serialise the process; `calling()` does not,
    but lets every call through when half open, hence the lock for the one probe.
    """

    def __init__(self, name: str, failures: int, failure_rate: float, recovery: float) -> None:
        self._failure_rate = failure_rate
        self._outcomes = SlidingWindow(RATE_SECONDS)
        self._recovery = recovery
        self._probe = threading.Lock()
        self._storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=failures,
            reset_timeout=recovery,
            exclude=[_is_no_outage],
            state_storage=self._storage,
            name=name,
            throw_new_error_on_trip=False,
        )

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run the block as one guarded call; raise CircuitOpen without running it while the breaker is open.

        A ServiceError of the block counts as a failure where it speaks of an outage, and is passed on as it is.
        """
        if self._breaker.current_state == pybreaker.STATE_CLOSED:
            with self._calling():
                yield
            return
        if not self._probe.acquire(blocking=False):
            raise CircuitOpen(retry_after=self._time_left())
        try:
            with self._calling():
                yield
        finally:
            self._probe.release()

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._breaker.current_state

    @contextmanager
    def _calling(self) -> Iterator[None]:
        try:
            with self._breaker.calling():
                yield
        except pybreaker.CircuitBreakerError as error:
            raise CircuitOpen(retry_after=self._time_left()) from error
        except ServiceError as error:
            self._count(failed=error.outage)
            raise
        self._count(failed=False)

    def _count(self, *, failed: bool) -> None:
        """Open on the share of outages: a backend that fails every other call never fails several times in a row."""
        self._outcomes.add(marked=failed)
        calls, outages = self._outcomes.counts()
        if failed and calls >= RATE_CALLS and outages >= self._failure_rate * calls:
            self._outcomes.clear()
            self._breaker.open()

    def _time_left(self) -> float:
        opened_at = self._storage.opened_at
        if opened_at is None:
            return self._recovery
        return max(0.0, self._recovery - (datetime.now(UTC) - opened_at).total_seconds())


def _is_no_outage(error: Any) -> bool:
    """Tell pybreaker which exceptions are no failure of the backend; its type says nothing of bool results."""
    return not (isinstance(error, ServiceError) and error.outage)


class Breakers:
    """The breakers of the process, made on first use: one for each backend and upstream route."""

    def __init__(self, failures: int, failure_rate: float) -> None:
        self._failures = failures
        self._failure_rate = failure_rate
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def get(self, backend: str, route: str, recovery: float) -> Breaker:
        """Return the breaker of a backend's route; an open one lets a probe through after `recovery` seconds."""
        key = (backend, route)
        if key not in self._breakers:
            self._breakers[key] = Breaker(f"{backend}.{route}", self._failures, self._failure_rate, recovery)
        return self._breakers[key]

    def states(self, backend: str) -> dict[str, str]:
        """Return the state of each breaker of the backend, by route."""
        return {route: breaker.state for (name, route), breaker in self._breakers.items() if name == backend}
