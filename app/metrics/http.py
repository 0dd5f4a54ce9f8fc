"""What is measured of every request, to the end of its answer."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from app.current import Current
from app.metrics.family import counter, gauge, histogram

# streams may take up to STREAM_TOTAL_TIMEOUT
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))
OTHER_METHOD = "other"
UNMATCHED_ROUTE = "unmatched"


class HttpMetrics:
    """Requests, how long they took, and how many are being served."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = counter(registry, "http_requests_total", "Requests.", "method", "route", "status")
        self._refused = counter(
            registry, "http_refused_total", "Requests that the server refused before they reached the app.", "status"
        )
        self._duration = histogram(
            registry,
            "http_request_duration_seconds",
            "Time from the first byte of a request to the end of its answer.",
            "method",
            "route",
            buckets=DURATION_BUCKETS,
        )
        self._active = gauge(
            registry, "active_connections", "Connections on which a request is being served.", workers="livesum"
        )[()]

    def begin(self) -> None:
        """Count a request that is being served."""
        self._active.inc()

    def end(self) -> None:
        """Count it no more."""
        self._active.dec()

    def answered(self, now: Current, status: int) -> Callable[[float], None]:
        """Count a request whose answer begins now; return what takes the seconds that it took."""
        method, route = method_label(now), route_label(now)
        self._requests[method, route, status].inc()
        return self._duration[method, route].observe

    def refused(self, status: int) -> None:
        """Count a request that never reached the app."""
        self._refused[status,].inc()


def route_label(now: Current) -> str:
    """Return the rule that the request matched."""
    return now.rule or UNMATCHED_ROUTE


def method_label(now: Current) -> str:
    """Return the method where a route of ours takes it, else `other`: callers may send any word."""
    method = now.request.method
    return method if method in METHODS else OTHER_METHOD
