"""Circuit breakers, one for each backend and upstream route."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pybreaker

from app.backends.base import Backend
from app.context import Allowance
from app.errors import CallerLeft, CircuitOpen, ImpatientTimeout, ServiceError
from app.services.sharing import SharedBreaker
from app.services.store import Store
from app.services.window import SlidingWindow

logger = logging.getLogger(__name__)

# the window over which the share of outages is taken, and the fewest calls that make a share
RATE_SECONDS = 30.0
RATE_CALLS = 20
# how old what other processes told may be
LOOK_SECONDS = 0.1

# ends of a call that say neither that the backend works nor that it fails
_NO_VERDICT = (CallerLeft, ImpatientTimeout)


class Breaker:
    """A breaker whose guard runs calls in parallel while closed, and lets one probe through each recovery interval.

    pybreaker's `call()` holds its lock during the whole call and would serialise the process; `calling()` does not,
    but lets every call through when half open. So probes are counted here, and tell pybreaker what they found.
    A probe that hangs keeps nobody waiting: the next interval has a probe of its own.
    """

    def __init__(self, name: str, failures: int, failure_rate: float, recovery: float, shared: SharedBreaker) -> None:
        self._failures = failures
        self._failure_rate = failure_rate
        self._outcomes = SlidingWindow(RATE_SECONDS)
        self._recovery = recovery
        self._next_probe = 0.0
        self._probe = object()
        self._shared = shared
        self._next_look = 0.0
        self._others_failed = False
        self._breaker = pybreaker.CircuitBreaker(
            name=name,
            fail_max=failures,
            exclude=[_is_no_outage],
            throw_new_error_on_trip=False,
            listeners=[_StateLog()],
        )

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._breaker.current_state

    def check(self, allowance: Allowance) -> None:
        """Raise CircuitOpen where a call made now would be refused; `allowance` is what the shared state may cost."""
        self._learn(allowance)
        wait = self._next_probe - time.monotonic()
        if not self._is_closed and wait > 0:
            raise CircuitOpen(retry_after=wait)

    @contextmanager
    def guard(self, allowance: Allowance) -> Iterator[None]:
        """Run the block as one guarded call; raise CircuitOpen without running it while the breaker is open.

        A ServiceError of the block counts as a failure where it speaks of an outage, and is passed on as it is.
        """
        self.check(allowance)
        with self._counted(allowance) if self._is_closed else self._probing(allowance):
            yield

    @property
    def _is_closed(self) -> bool:
        return self.state == pybreaker.STATE_CLOSED

    @contextmanager
    def _counted(self, allowance: Allowance) -> Iterator[None]:
        late: ServiceError | None = None
        try:
            with self._breaker.calling():
                try:
                    yield
                except ServiceError as error:
                    if self._is_closed:
                        raise
                    late = error  # it opened meanwhile: calls that began before may not open it anew
        except ServiceError as error:
            if not isinstance(error, _NO_VERDICT):
                self._count(allowance, failed=error.outage)
            raise
        try:
            if late:
                raise late
        finally:
            del late  # its traceback holds this frame: a cycle
        self._count(allowance, failed=False)

    @contextmanager
    def _probing(self, allowance: Allowance) -> Iterator[None]:
        probe = self._begin_probe(allowance)
        try:
            yield
        except BaseException as error:
            if isinstance(error, _NO_VERDICT) or not isinstance(error, ServiceError):
                self._next_probe = 0.0
                self._shared.give_back_probe(allowance)
            elif not error.outage:
                self._close(allowance)
            elif self._probe is probe:  # no newer probe knows better
                self._open(allowance)
            raise
        self._close(allowance)

    def _begin_probe(self, allowance: Allowance) -> object:
        if not self._shared.take_probe(allowance):
            raise CircuitOpen(retry_after=self._recovery)
        self._next_probe = time.monotonic() + self._recovery
        self._breaker.half_open()
        self._probe = object()
        return self._probe

    def _count(self, allowance: Allowance, *, failed: bool) -> None:
        """Open on outages in a row, of all processes together, and on their share.

        A backend that fails every other call never fails several times in a row.
        """
        self._outcomes.add(marked=failed)
        if not failed:
            if self._others_failed:
                self._others_failed = False
                self._shared.forget_failures(allowance)
            return
        self._others_failed = True
        together = self._shared.count_failure(allowance)
        calls, outages = self._outcomes.counts()
        often = calls >= RATE_CALLS and outages >= self._failure_rate * calls
        if often or together >= self._failures or not self._is_closed:
            self._open(allowance)

    def _open(self, allowance: Allowance) -> None:
        self._outcomes.clear()
        self._breaker.open()
        self._next_probe = time.monotonic() + self._recovery
        self._shared.opened(allowance)

    def _close(self, allowance: Allowance) -> None:
        self._breaker.close()
        self._shared.closed(allowance)

    def _learn(self, allowance: Allowance) -> None:
        """Take over what other processes found."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        seen = self._shared.look(allowance)
        if seen is None:
            return
        self._others_failed = seen.failures > 0
        if seen.is_open:
            self._next_probe = now + seen.wait
            if self._is_closed:
                self._outcomes.clear()
                self._breaker.open()
        elif not self._is_closed:
            self._breaker.close()


class _StateLog(pybreaker.CircuitBreakerListener):
    """Logs that a breaker opened or closed; probes in between are not worth a line."""

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        if pybreaker.STATE_CLOSED in (old_state.name, new_state.name):
            logger.warning("the breaker of %s is %s", cb.name, new_state.name)


def _is_no_outage(error: Any) -> bool:
    """Tell pybreaker which exceptions are no failure of the backend; its type says nothing of bool results."""
    return not (isinstance(error, ServiceError) and error.outage)


class Breakers:
    """The breakers of the process, made on first use: one for each backend and upstream route."""

    def __init__(self, failures: int, failure_rate: float, store: Store) -> None:
        self._failures = failures
        self._failure_rate = failure_rate
        self._store = store
        self._alone = Store(None)
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def get(self, backend: Backend, route: str) -> Breaker:
        """Return the breaker of a backend's route."""
        key = (backend.name, route)
        if key not in self._breakers:
            store = self._store if backend.shared else self._alone
            name = f"{backend.name}:{route}"
            shared = SharedBreaker(store, name, backend.recovery)
            self._breakers[key] = Breaker(name, self._failures, self._failure_rate, backend.recovery, shared)
        return self._breakers[key]

    def states(self, backend: str) -> dict[str, str]:
        """Return the state of each breaker of the backend, by route."""
        return {route: breaker.state for (name, route), breaker in self._breakers.items() if name == backend}
