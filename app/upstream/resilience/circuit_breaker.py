"""Circuit breakers, one for each backend and upstream route."""

import time
from collections.abc import Callable
from typing import Any

from app.backends.base import Backend
from app.context.deadline import TimeBudget
from app.errors import CircuitOpen, ClientDisconnected, Draining, ServiceError, ShortDeadlineTimeout
from app.observability.metrics.upstream import UpstreamMetrics
from app.redis_store import RedisStore
from app.sliding_window import SlidingWindow
from app.upstream.resilience.failure_shares import FailureShares, owner_of
from app.upstream.resilience.pybreaker_adapter import StateMachine
from app.upstream.resilience.shared_breaker import RedisBreakerState

# the window of the failure rate, and the calls in it below which there is no rate
WINDOW_SECONDS = 30.0
MIN_CALLS = 20
# the shared state is read again when it is older than this
REFRESH_SECONDS = 0.1
# outcomes that show neither that the backend works nor that it fails
_INCONCLUSIVE = (ClientDisconnected, Draining, ShortDeadlineTimeout)


class CircuitBreaker:
    """Refuses calls while its backend fails, and lets one probe through in each recovery interval.

    While closed, calls run in parallel. A probe that hangs does not block the next one: each interval has its own.
    If the failures are those of one client, its owner, an open breaker refuses the owner's calls only. Failures of
    other clients then open it for all.

    The state of this process changes first. Redis is read or updated afterwards, because that may wait.
    """

    def __init__(
        self,
        name: str,
        max_failures: int,
        failure_rate: float,
        recovery: float,
        shared: RedisBreakerState,
        on_change: Callable[[str], None],
    ) -> None:
        """`on_change` is called with each new state."""
        self._max_failures = max_failures
        self._failure_rate = failure_rate
        self._outcomes = SlidingWindow(WINDOW_SECONDS)
        self._recovery = recovery
        self._shared = shared
        self._shares = FailureShares(WINDOW_SECONDS, max_failures)
        self._owner: str | None = None
        self._others_failures = 0
        self._probe = object()
        self._next_probe = self._next_refresh = 0.0
        self._shared_failures = self._open_published = self._close_unpublished = False
        self._machine = StateMachine(name, max_failures, on_change)

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._machine.state

    def check(self, budget: TimeBudget, client: str = "") -> None:
        """Raise CircuitOpen if a call of a client made now would be refused; reading Redis may use the budget."""
        self._sync_shared_state(budget)
        if self._is_closed_for(client):
            return
        wait = self._next_probe - time.monotonic()
        if wait > 0:
            raise CircuitOpen(retry_after=wait)

    def guard(self, budget: TimeBudget, client: str = "", *, stream: bool = False, checked: bool = False) -> "Guard":
        """Return a context manager that runs its block as one guarded call of a client.

        Entering it raises CircuitOpen while the breaker is open. A ServiceError of the block counts as a failure if
        its `counts_as_failure` is set; it is raised further. For a `stream` the block covers only the start, so a
        success of the block is recorded for a probe only; `record_result` takes the outcome of other streams.

        `checked` says that `check` has just passed. Then only a change of this process' state refuses the call.
        """
        return Guard(self, budget, client, stream=stream, checked=checked)

    def start_call(self, budget: TimeBudget, client: str, *, checked: bool) -> object | None:
        """Start a call; return its probe if it is one. Raises CircuitOpen."""
        if not (checked and self._machine.is_closed):
            self.check(budget, client)
        return None if self._is_closed_for(client) else self._start_probe(budget)

    def _is_closed_for(self, client: str) -> bool:
        return self._machine.is_closed or (self._owner is not None and self._owner != owner_of(client))

    def record_result(
        self, budget: TimeBudget, error: ServiceError | None, probe: object | None = None, client: str = ""
    ) -> None:
        """Record the outcome of a client's call or of its probe: the error, or None for a success."""
        if isinstance(error, _INCONCLUSIVE):
            return
        if probe is None:
            self._record_call(budget, error, client)
        else:
            self._record_probe(budget, probe, error)

    def _record_call(self, budget: TimeBudget, error: ServiceError | None, client: str) -> None:
        """Count an outcome while closed; calls that started before the breaker opened must not open it again."""
        failed = error is not None and error.counts_as_failure
        if not self._machine.is_closed:
            self._record_beside_owner(budget, client, failed=failed)
            return
        if failed:
            self._shares.add(client)
        self._outcomes.add(failed=failed)
        self._machine.record(error)
        if failed:
            self._on_failure(budget)
        elif self._shared_failures:
            self._shared_failures = False
            self._shared.reset_failures(budget)

    def _record_beside_owner(self, budget: TimeBudget, client: str, *, failed: bool) -> None:
        """Count consecutive failures of the others while only the owner is refused; open for all if they are many."""
        if not self._is_closed_for(client):
            return
        self._others_failures = self._others_failures + 1 if failed else 0
        if self._others_failures >= self._max_failures:
            self._open(budget, None)

    def _on_failure(self, budget: TimeBudget) -> None:
        """Open on consecutive failures of all processes together, or on the failure rate.

        The rate is needed for a backend that fails every other call: it has no consecutive failures.
        """
        calls, failures = self._outcomes.counts()
        if (calls >= MIN_CALLS and failures >= self._failure_rate * calls) or not self._machine.is_closed:
            self._open(budget, self._shares.sole_client())
            return
        self._shared_failures = True
        if self._shared.count_failure(budget) >= self._max_failures and self._machine.is_closed:
            self._open(budget, self._shares.sole_client())

    def _start_probe(self, budget: TimeBudget) -> object:
        self._next_probe = time.monotonic() + self._recovery
        probe = self._probe = object()
        self._machine.half_open()
        if not self._shared.acquire_probe(budget):
            raise CircuitOpen(retry_after=self._recovery)
        return probe

    def _record_probe(self, budget: TimeBudget, probe: object, error: ServiceError | None) -> None:
        if error is None or not error.counts_as_failure:
            self._machine.close()
            self._close_unpublished = True
            self._close_unpublished = not self._shared.publish_closed(budget)
        elif self._probe is probe and not self._machine.is_closed:  # the outcome of a newer probe takes precedence
            self._publish_open(budget)

    def _open(self, budget: TimeBudget, client: str | None) -> None:
        """Open for a client whose failures these are, or for all."""
        self._owner = None if client is None else owner_of(client)
        self._publish_open(budget)

    def _publish_open(self, budget: TimeBudget) -> None:
        self._clear_counts()
        self._machine.open()
        self._next_probe = time.monotonic() + self._recovery
        self._open_published = False
        self._open_published = self._shared.publish_open(budget, *([self._owner] if self._owner else []))

    def _clear_counts(self) -> None:
        self._outcomes.clear()
        self._shares.clear()
        self._others_failures = 0

    def _sync_shared_state(self, budget: TimeBudget) -> None:
        """Adopt the state of other processes, unless this process' state changed while it was read."""
        now = time.monotonic()
        if now < self._next_refresh:
            return
        self._next_refresh = now + REFRESH_SECONDS
        if self._close_unpublished:  # Redis still holds the open state, which is outdated
            self._close_unpublished = not self._shared.publish_closed(budget)
            return
        before = (self.state, self._probe)
        shared = self._shared.read(budget)
        if shared is None or before != (self.state, self._probe):
            return
        self._shared_failures = shared.failures > 0
        if shared.is_open:
            self._open_published = True
            self._owner = shared.owner
            self._next_probe = now + shared.wait
            if self._machine.is_closed:
                self._clear_counts()
                self._machine.open()
        elif not self._machine.is_closed and self._open_published:
            # if Redis never stored the open state, a missing one does not mean that another process closed it
            self._machine.close()


class Guard:
    """One guarded call."""

    def __init__(
        self, breaker: CircuitBreaker, budget: TimeBudget, client: str, *, stream: bool, checked: bool
    ) -> None:
        self._breaker = breaker
        self._budget = budget
        self._client = client
        self._stream = stream
        self._checked = checked

    def __enter__(self) -> None:
        self._probe = self._breaker.start_call(self._budget, self._client, checked=self._checked)

    def __exit__(self, _kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ServiceError):
            self._breaker.record_result(self._budget, error, self._probe, self._client)
            # pybreaker has raised the error in a frame that refers to it: a reference cycle
            error.__traceback__ = traceback
        elif error is None and not (self._stream and self._probe is None):
            self._breaker.record_result(self._budget, None, self._probe, self._client)


class CircuitBreakers:
    """The breakers of the process: one for each backend and upstream route, created on first use."""

    def __init__(self, max_failures: int, failure_rate: float, store: RedisStore, metrics: UpstreamMetrics) -> None:
        self._max_failures = max_failures
        self._failure_rate = failure_rate
        self._store = store
        self._metrics = metrics
        self._local_store = RedisStore(None)
        self._breakers: dict[tuple[str, str], CircuitBreaker] = {}

    def get(self, backend: Backend, upstream_route: str) -> CircuitBreaker:
        """Return the breaker of a backend's route."""
        key = (backend.name, upstream_route)
        if key not in self._breakers:
            store = self._store if backend.shared_by_replicas else self._local_store
            name = f"{backend.name}:{upstream_route}"
            shared = RedisBreakerState(store, name, backend.recovery)
            on_change = self._metrics.breaker(*key)
            self._breakers[key] = CircuitBreaker(
                name, self._max_failures, self._failure_rate, backend.recovery, shared, on_change
            )
        return self._breakers[key]

    def states(self, backend: str) -> dict[str, str]:
        """Return the state of each breaker of the backend, by route."""
        return {route: breaker.state for (name, route), breaker in self._breakers.items() if name == backend}
