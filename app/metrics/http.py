"""What is measured of every request, to the end of its answer."""

from collections.abc import Callable

from flask import request
from prometheus_client import CollectorRegistry

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

    def answered(self, status: int) -> None:
        """Count the current request, whose answer begins now."""
        self._requests[method_label(), route_label(), status].inc()

    def timer(self) -> Callable[[float], None]:
        """Return what takes the seconds that the current request took."""
        return self._duration[method_label(), route_label()].observe

    def refused(self, status: int) -> None:
        """Count a request that never reached the app."""
        self._refused[status,].inc()


def route_label() -> str:
    """Return the rule that the request matched, never its path, which callers choose."""
    return request.url_rule.rule if request.url_rule else UNMATCHED_ROUTE


def method_label() -> str:
    """Return the method where a route of ours takes it, else `other`: callers may send any word."""
    return request.method if request.method in METHODS else OTHER_METHOD
