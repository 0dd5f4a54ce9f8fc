"""Metrics of upstream calls, bulkheads and circuit breakers."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from app.context.call_context import CallContext
from app.errors import CircuitOpen, Overloaded
from app.observability.metrics.labelled_metric import (
    Counter,
    Gauge,
    Histogram,
    LabelledMetric,
    counter,
    gauge,
    histogram,
    renamed_counter,
)

ATTEMPT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}
# outcomes of attempts that were rejected before a request was sent
_NOT_SENT = (CircuitOpen.type, Overloaded.type)


class UpstreamMetrics:
    """Attempts, retries and hedges; bulkheads and circuit breakers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts, self._duration = _attempts(registry)
        text = "Attempts after a failed one, by the error of the failed one."
        self._retries = counter(registry, "ai_upstream_retries_total", text, "backend", "reason")
        text = "Attempts beside a slow one, by whether their response was used."
        self._hedges = counter(registry, "ai_hedges_total", text, "backend", "outcome")
        text = "Fields of the service that an upstream refused, and that were left out or renamed."
        self._fields_removed = counter(registry, "ai_upstream_field_removed_total", text, "backend", "field")
        names = ("ai_bulkhead_rejected_total", "ai_shed_total")
        self._rejected = renamed_counter(registry, *names, "Attempts rejected by the bulkhead.", "backend")
        self._in_use, self._limit, self._breaker = _guards(registry)

    def record_operation(self, context: CallContext) -> None:
        """Count the attempts of a request."""
        for attempt in context.timeline.records:
            backend, outcome = attempt["backend"], attempt["outcome"]
            self._attempts[backend, outcome].inc()
            if outcome == Overloaded.type:
                self._rejected[backend,].inc()
            if outcome not in _NOT_SENT and "duration_ms" in attempt:
                self._duration[backend,].observe(attempt["duration_ms"] / 1000)
        for backend, reason in context.timeline.retries:
            self._retries[backend, reason].inc()
        for backend, won in context.timeline.hedges:
            self._hedges[backend, "won" if won else "lost"].inc()

    def record_removed_field(self, backend: str, field: str) -> None:
        """Count a field of the service that a backend refused and that calls are sent without from now on."""
        self._fields_removed[backend, field].inc()

    def bulkhead(self, backend: str) -> Callable[[int, float], None]:
        """Return a function that records permits in use, and the limit, of a backend's bulkhead."""
        in_use, limit, recorded_limit = self._in_use[backend,], self._limit[backend,], None

        def on_change(permits: int, max_permits: float) -> None:
            nonlocal recorded_limit
            in_use.set(permits)
            if max_permits != recorded_limit:
                limit.set(max_permits)
                recorded_limit = max_permits

        return on_change

    def breaker(self, backend: str, route: str) -> Callable[[str], None]:
        """Return a function that records the state of a route's circuit breaker."""
        state = self._breaker[backend, route]
        state.set(BREAKER_STATES["closed"])
        return lambda name: state.set(BREAKER_STATES[name])


def _attempts(registry: CollectorRegistry) -> tuple[LabelledMetric[Counter], LabelledMetric[Histogram]]:
    """Return the number of attempts and their duration."""
    attempts = counter(registry, "ai_upstream_attempts_total", "Attempts of upstream calls.", "backend", "outcome")
    name, text = "ai_upstream_attempt_duration_seconds", "Duration of a sent attempt; for a stream, to its first event."
    return attempts, histogram(registry, name, text, "backend", buckets=ATTEMPT_BUCKETS)


def _guards(registry: CollectorRegistry) -> tuple[LabelledMetric[Gauge], LabelledMetric[Gauge], LabelledMetric[Gauge]]:
    """Return the gauges of permits in use, of the limit, and of circuit breakers."""
    in_use = gauge(registry, "ai_bulkhead_in_use", "Permits of the bulkhead in use.", "backend", workers="livesum")
    limit = gauge(registry, "ai_bulkhead_limit", "Permits of the bulkhead.", "backend", workers="livesum")
    text = "State of the circuit breaker: 0 closed, 1 half-open, 2 open."
    return in_use, limit, gauge(registry, "ai_breaker_state", text, "backend", "route", workers="livemax")
