"""pybreaker 1.4, reduced to the state machine that a circuit breaker of this service needs.

`CircuitBreaker.call()` holds the library's lock for the whole call, so calls of one process would run one after
another. `calling()` runs them in parallel, but in the half-open state it lets every call through, and it counts every
exception as an outcome. The service therefore uses `calling()` only to report an outcome, and counts probes itself.
"""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from app.errors import ServiceError

logger = logging.getLogger(__name__)


def import_hiding(name: str, hidden: str) -> ModuleType:
    """Import a module as if the package `hidden` were not installed; the module must work without it."""
    loaded = sys.modules.get(hidden)
    sys.modules[hidden] = None  # type: ignore[assignment]  # None makes an import fail, as the import system defines
    try:
        return import_module(name)
    finally:
        if loaded is None:
            del sys.modules[hidden]
        else:
            sys.modules[hidden] = loaded


if TYPE_CHECKING:
    import pybreaker as pybreaker
else:  # pybreaker imports redis for a storage that is not used here: a fifth of all modules loaded at start
    pybreaker = import_hiding("pybreaker", "redis")


class StateMachine:
    """The states of one breaker: closed until `max_failures` consecutive failures, open, and half-open."""

    def __init__(self, name: str, max_failures: int, on_change: Callable[[str], None]) -> None:
        """`on_change` is called with each new state."""
        self._breaker = pybreaker.CircuitBreaker(
            name=name,
            fail_max=max_failures,
            exclude=[_is_excluded],
            throw_new_error_on_trip=False,
            listeners=[_StateListener(self._changed)],
        )
        self._on_change = on_change
        self.is_closed = True

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._breaker.current_state

    def record(self, error: ServiceError | None) -> None:
        """Record the outcome of a call in the closed state; None is a success."""
        if error is None and not self._breaker.fail_counter:
            return  # a success only resets the counter
        with suppress(ServiceError), self._breaker.calling():
            if error is not None:
                raise error

    def open(self) -> None:
        self._breaker.open()

    def half_open(self) -> None:
        self._breaker.half_open()

    def close(self) -> None:
        self._breaker.close()

    def _changed(self, state: str) -> None:
        self.is_closed = state == pybreaker.STATE_CLOSED
        self._on_change(state)


class _StateListener(pybreaker.CircuitBreakerListener):
    """Reports each state, and logs that a breaker opened or closed; half-open states are not logged."""

    def __init__(self, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self._on_change(new_state.name)
        if pybreaker.STATE_CLOSED in (old_state.name, new_state.name):
            logger.warning("the circuit breaker of %s is %s", cb.name, new_state.name)


def _is_excluded(error: Any) -> bool:
    """Return True for exceptions that pybreaker must not count as a failure of the backend."""
    return not (isinstance(error, ServiceError) and error.counts_as_failure)
