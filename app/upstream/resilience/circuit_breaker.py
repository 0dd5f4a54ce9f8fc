"""Circuit breakers, one for each backend and upstream route."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from app.backends.base import Backend
from app.context.deadline import TimeBudget
from app.errors import CircuitOpen, ClientDisconnected, Draining, ServiceError, ShortDeadlineTimeout
from app.observability.metrics.upstream import UpstreamMetrics
from app.redis_store import RedisStore
from app.sliding_window import SlidingWindow
from app.upstream.resilience.import_hiding import pybreaker
from app.upstream.resilience.shared_breaker import RedisBreakerState

logger = logging.getLogger(__name__)

# the window over which the share of outages is taken, and the fewest calls that make a share
RATE_SECONDS = 30.0
MIN_CALLS = 20
# how old what other processes told may be
LOOK_SECONDS = 0.1

# ends of a call that say neither that the backend works nor that it fails
_NO_VERDICT = (ClientDisconnected, Draining, ShortDeadlineTimeout)


class CircuitBreaker:
    """A breaker whose guard runs calls in parallel while closed, and lets one probe through each recovery interval.

    pybreaker's `call()` holds its lock during the whole call and would serialise the process; `calling()` does not, but
    lets every call through when half open, and takes every end of a call for a verdict. So it is told of verdicts only,
    and probes are counted here. A probe that hangs keeps nobody waiting: the next interval has a probe of its own.

    This process' state changes first, and what it tells or asks the others comes after: that may wait.
    """

    def __init__(
        self,
        name: str,
        failures: int,
        failure_rate: float,
        recovery: float,
        shared: RedisBreakerState,
        note: Callable[[str], None],
    ) -> None:
        """`note` is told each state that the breaker comes into."""
        self._failures = failures
        self._failure_rate = failure_rate
        self._outcomes = SlidingWindow(RATE_SECONDS)
        self._recovery = recovery
        self._shared = shared
        self._probe = object()
        self._next_probe = self._next_look = 0.0
        self._common_failures = self._opening_known = self._closing_untold = False
        self._breaker = pybreaker.CircuitBreaker(
            name=name,
            fail_max=failures,
            exclude=[_is_no_outage],
            throw_new_error_on_trip=False,
            listeners=[_StateLog(self._changed)],
        )
        self._note = note
        self._is_closed = True

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._breaker.current_state

    def check(self, allowance: TimeBudget) -> None:
        """Raise CircuitOpen where a call made now would be refused; `allowance` is what the shared state may cost."""
        self._learn(allowance)
        wait = self._next_probe - time.monotonic()
        if not self._is_closed and wait > 0:
            raise CircuitOpen(retry_after=wait)

    def guard(self, allowance: TimeBudget, *, begins_only: bool = False) -> "Guard":
        """Return what to run a block in as one guarded call.

        To enter it raises CircuitOpen while the breaker is open. A ServiceError of the block counts as a failure where
        it speaks of an outage, and is passed on as it is. Of a call that `begins_only` in the block its end is the
        judge, for which see `judge`; but a probe may not take long.
        """
        return Guard(self, allowance, begins_only)

    def begin(self, allowance: TimeBudget) -> object | None:
        """Begin a call; return its probe if it is one. Raises CircuitOpen."""
        self.check(allowance)
        return None if self._is_closed else self._begin_probe(allowance)

    def end(self, allowance: TimeBudget, probe: object | None, error: ServiceError | None) -> None:
        """Take the end of a call for a verdict, if it is one."""
        if isinstance(error, _NO_VERDICT):
            return
        if probe is None:
            self._judge_call(allowance, error)
        else:
            self._judge_probe(allowance, probe, error)

    def record_result(self, allowance: TimeBudget, error: ServiceError | None) -> None:
        """Take the end of a call that only began in its guard: None where it ended well."""
        self.end(allowance, None, error)

    def _judge_call(self, allowance: TimeBudget, error: ServiceError | None) -> None:
        """Count a call's end, unless the breaker opened meanwhile: calls that began before may not open it anew."""
        if not self._is_closed:
            return
        failed = error is not None and error.counts_as_failure
        self._outcomes.add(failed=failed)
        if error is not None or self._breaker.fail_counter:  # else it would only set back to 0 what is 0
            with suppress(ServiceError), self._breaker.calling():
                if error is not None:
                    raise error
        if failed:
            self._failed(allowance)
        elif self._common_failures:
            self._common_failures = False
            self._shared.forget_failures(allowance)

    def _changed(self, state: str) -> None:
        self._is_closed = state == pybreaker.STATE_CLOSED
        self._note(state)

    def _failed(self, allowance: TimeBudget) -> None:
        """Open on outages in a row, of all processes together, and on their share.

        A backend that fails every other call never fails several times in a row.
        """
        calls, outages = self._outcomes.counts()
        often = calls >= MIN_CALLS and outages >= self._failure_rate * calls
        if often or not self._is_closed:
            self._open(allowance)
            return
        self._common_failures = True
        if self._shared.count_failure(allowance) >= self._failures and self._is_closed:
            self._open(allowance)

    def _begin_probe(self, allowance: TimeBudget) -> object:
        self._next_probe = time.monotonic() + self._recovery
        probe = self._probe = object()
        self._breaker.half_open()
        if not self._shared.acquire_probe(allowance):
            raise CircuitOpen(retry_after=self._recovery)
        return probe

    def _judge_probe(self, allowance: TimeBudget, probe: object, error: ServiceError | None) -> None:
        if error is None or not error.counts_as_failure:
            self._breaker.close()
            self._closing_untold = True
            self._closing_untold = not self._shared.closed(allowance)
        elif self._probe is probe and not self._is_closed:  # else a newer probe knows better
            self._open(allowance)

    def _open(self, allowance: TimeBudget) -> None:
        self._outcomes.clear()
        self._breaker.open()
        self._next_probe = time.monotonic() + self._recovery
        self._opening_known = False
        self._opening_known = self._shared.opened(allowance)

    def _learn(self, allowance: TimeBudget) -> None:
        """Take over what other processes found, unless this one found something while it asked."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        if self._closing_untold:  # the others still hold it for open: they are not to be believed
            self._closing_untold = not self._shared.closed(allowance)
            return
        known = (self.state, self._probe)
        seen = self._shared.read(allowance)
        if seen is None or known != (self.state, self._probe):
            return
        self._common_failures = seen.failures > 0
        if seen.is_open:
            self._opening_known = True
            self._next_probe = now + seen.wait
            if self._is_closed:
                self._outcomes.clear()
                self._breaker.open()
        elif not self._is_closed and self._opening_known:  # what the store never knew, it cannot know to be over
            self._breaker.close()


class Guard:
    """One guarded call."""

    def __init__(self, breaker: CircuitBreaker, allowance: TimeBudget, begins_only: bool) -> None:
        self._breaker = breaker
        self._allowance = allowance
        self._begins_only = begins_only

    def __enter__(self) -> None:
        self._probe = self._breaker.begin(self._allowance)

    def __exit__(self, _kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ServiceError):
            self._breaker.end(self._allowance, self._probe, error)
            error.__traceback__ = traceback  # pybreaker was told by raising it, in a frame that holds it: a cycle
        elif error is None and not (self._begins_only and self._probe is None):
            self._breaker.end(self._allowance, self._probe, None)


class _StateLog(pybreaker.CircuitBreakerListener):
    """Notes states, and logs that a breaker opened or closed; probes in between are not worth a line."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self._note(new_state.name)
        if pybreaker.STATE_CLOSED in (old_state.name, new_state.name):
            logger.warning("the breaker of %s is %s", cb.name, new_state.name)


def _is_no_outage(error: Any) -> bool:
    """Tell pybreaker which exceptions are no failure of the backend; its type says nothing of bool results."""
    return not (isinstance(error, ServiceError) and error.counts_as_failure)


class CircuitBreakers:
    """The breakers of the process, made on first use: one for each backend and upstream route."""

    def __init__(self, failures: int, failure_rate: float, store: RedisStore, metrics: UpstreamMetrics) -> None:
        self._failures = failures
        self._failure_rate = failure_rate
        self._store = store
        self._metrics = metrics
        self._alone = RedisStore(None)
        self._breakers: dict[tuple[str, str], CircuitBreaker] = {}

    def get(self, backend: Backend, route: str) -> CircuitBreaker:
        """Return the breaker of a backend's route."""
        key = (backend.name, route)
        if key not in self._breakers:
            store = self._store if backend.shared_by_replicas else self._alone
            name = f"{backend.name}:{route}"
            shared = RedisBreakerState(store, name, backend.recovery)
            note = self._metrics.breaker(*key)
            self._breakers[key] = CircuitBreaker(
                name, self._failures, self._failure_rate, backend.recovery, shared, note
            )
        return self._breakers[key]

    def states(self, backend: str) -> dict[str, str]:
        """Return the state of each breaker of the backend, by route."""
        return {route: breaker.state for (name, route), breaker in self._breakers.items() if name == backend}
