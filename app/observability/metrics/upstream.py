"""What is measured of the calls to upstreams, and of what guards them."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from app.context.call_context import CallContext
from app.errors import CircuitOpen, Overloaded
from app.observability.metrics.labelled_metric import Gauge, LabelledMetric, counter, gauge, histogram

ATTEMPT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}
# attempts that ended before anything was sent
_REFUSED = (CircuitOpen.type, Overloaded.type)


class UpstreamMetrics:
    """Attempts, retries and hedges; bulkheads and breakers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = counter(
            registry, "ai_upstream_attempts_total", "Attempts of upstream calls.", "backend", "outcome"
        )
        self._duration = histogram(
            registry,
            "ai_upstream_attempt_duration_seconds",
            "Time of an attempt that was sent; of a stream, to its first event.",
            "backend",
            buckets=ATTEMPT_BUCKETS,
        )
        self._retries = counter(
            registry, "ai_upstream_retries_total", "Attempts made because another failed.", "backend", "reason"
        )
        self._hedges = counter(
            registry, "ai_hedges_total", "Attempts made beside one that was slow.", "backend", "outcome"
        )
        self._shed = counter(registry, "ai_shed_total", "Attempts that the bulkhead refused.", "backend")
        self._in_use, self._limit, self._breaker = _guards(registry)

    def record_operation(self, context: CallContext) -> None:
        """Count the attempts that a request has made."""
        for attempt in context.timeline.records:
            backend, outcome = attempt["backend"], attempt["outcome"]
            self._attempts[backend, outcome].inc()
            if outcome == Overloaded.type:
                self._shed[backend,].inc()
            if outcome not in _REFUSED and "duration_ms" in attempt:
                self._duration[backend,].observe(attempt["duration_ms"] / 1000)
        for backend, reason in context.timeline.retries:
            self._retries[backend, reason].inc()
        for backend, won in context.timeline.hedges:
            self._hedges[backend, "won" if won else "lost"].inc()

    def bulkhead(self, backend: str) -> Callable[[int, float], None]:
        """Return what takes note of the places in use, and of the limit, of a backend's bulkhead."""
        in_use, limit, told = self._in_use[backend,], self._limit[backend,], None

        def note(taken: int, most: float) -> None:
            nonlocal told
            in_use.set(taken)
            if most != told:
                limit.set(most)
                told = most

        return note

    def breaker(self, backend: str, route: str) -> Callable[[str], None]:
        """Return what takes note of the state of a route's breaker."""
        state = self._breaker[backend, route]
        state.set(BREAKER_STATES["closed"])
        return lambda name: state.set(BREAKER_STATES[name])


def _guards(registry: CollectorRegistry) -> tuple[LabelledMetric[Gauge], LabelledMetric[Gauge], LabelledMetric[Gauge]]:
    """Return the gauges of places in use, of places, and of breakers."""
    in_use = gauge(registry, "ai_bulkhead_in_use", "Places of the bulkhead in use.", "backend", workers="livesum")
    limit = gauge(registry, "ai_bulkhead_limit", "Places that the bulkhead has.", "backend", workers="livesum")
    text = "State of the breaker: 0 closed, 1 half-open, 2 open."
    return in_use, limit, gauge(registry, "ai_breaker_state", text, "backend", "route", workers="livemax")
