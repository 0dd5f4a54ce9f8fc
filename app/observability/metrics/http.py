"""Metrics of HTTP requests. The duration includes the body of the response, also that of a stream."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from app.observability.metrics.labelled_metric import counter, gauge, histogram, renamed_counter

# a stream may take up to STREAM_TOTAL_TIMEOUT, 600 s by default
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))
OTHER_METHOD = "other"
UNMATCHED_ROUTE = "unmatched"


class HttpMetrics:
    """Requests, their durations, requests in flight, and requests that the server rejected."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = counter(registry, "http_requests_total", "Requests.", "method", "route", "status")
        self._rejected = renamed_counter(
            registry,
            "http_rejected_total",
            "http_refused_total",
            "Requests that the server rejected before they reached the app.",
            "status",
        )
        self._duration = histogram(
            registry,
            "http_request_duration_seconds",
            "Time from the first byte of a request to the end of its response.",
            "method",
            "route",
            buckets=DURATION_BUCKETS,
        )
        self._in_flight = gauge(registry, "http_requests_in_flight", "Requests in flight.", workers="livesum")[()]
        # a connection has at most one request in flight, so both gauges have the same value
        self._active = gauge(
            registry, "active_connections", "Connections with a request in flight.", workers="livesum"
        )[()]

    def begin(self) -> None:
        """Count a request as in flight."""
        self._in_flight.inc()
        self._active.inc()

    def end(self) -> None:
        """Count a request as no longer in flight."""
        self._in_flight.dec()
        self._active.dec()

    def record_response(self, method: str, route: str, status: int) -> Callable[[float], None]:
        """Count a response that starts now; return the function that records its duration in seconds."""
        self._requests[method, route, status].inc()
        return self._duration[method, route].observe

    def record_rejected(self, status: int) -> None:
        """Count a request that the server rejected before it reached the app."""
        self._rejected[status,].inc()


def route_label(rule: str | None) -> str:
    """Return the label for a URL rule, or for no matching rule."""
    return rule or UNMATCHED_ROUTE


def method_label(method: str) -> str:
    """Return the method if a route accepts it, else `other`, because clients may send any word."""
    return method if method in METHODS else OTHER_METHOD
