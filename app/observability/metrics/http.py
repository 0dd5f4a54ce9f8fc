"""What is measured of every request, to the end of its answer."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from app.observability.metrics.labelled_metric import counter, gauge, histogram

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

    def record_response(self, method: str, route: str, status: int) -> Callable[[float], None]:
        """Count a response that begins now; return the function that records its duration in seconds."""
        self._requests[method, route, status].inc()
        return self._duration[method, route].observe

    def record_rejected(self, status: int) -> None:
        """Count a request that the server rejected before it reached the app."""
        self._refused[status,].inc()


def route_label(rule: str | None) -> str:
    """Return the label of a matched URL rule, or of no route."""
    return rule or UNMATCHED_ROUTE


def method_label(method: str) -> str:
    """Return a method that some route accepts, else `other`: clients may send any word."""
    return method if method in METHODS else OTHER_METHOD
