"""Errors of the service itself: statuses 500, 503 and 499."""

from typing import ClassVar

from app.errors.base import ServiceError


class InternalError(ServiceError):
    """A bug of this service."""


class CircuitOpen(ServiceError, status=503, type="circuit_open"):
    """The circuit breaker of the backend is open; `retry_after` is the time until it lets a call through."""

    default_message = "The backend failed repeatedly and gets no calls for a while; come back after Retry-After."


class Overloaded(ServiceError, status=503, type="overloaded"):
    """A limit on concurrent work is reached; `details.limit` names the setting of the limit."""

    default_retry_after = 1.0
    limit: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(details={"limit": self.limit})


class ConnectionLimitReached(Overloaded):
    """The worker has as many connections as SERVER_MAX_CONNECTIONS allows."""

    default_message = "The service has as many connections as it accepts; send the request again after Retry-After."
    limit = "server_max_connections"


class ConcurrencyLimitReached(Overloaded):
    """The calls to the backend, in flight and queued, are at UPSTREAM_MAX_CONCURRENCY or at its adaptive limit."""

    default_message = "The backend has as many calls in flight as allowed; send the request again after Retry-After."
    limit = "upstream_max_concurrency"


class LargeBodyLimitReached(Overloaded):
    """The large bodies that the worker holds leave no room for another one."""

    default_message = "The service holds as many large bodies as it accepts; send the request again after Retry-After."
    limit = "max_body_bytes"


class MetricsUnavailable(ServiceError, status=503, type="metrics_unavailable"):
    """The directory in which several workers share their metrics is missing."""

    default_message = "The directory PROMETHEUS_MULTIPROC_DIR is missing; create it and restart the service."


class Draining(ServiceError, status=503, type="draining"):
    """The service is shutting down, and SHUTDOWN_GRACE for requests in flight is over."""

    default_message = "The service is shutting down and could not finish this request; send it again."
    default_retry_after = 1.0


class ClientDisconnected(ServiceError, status=499, type="client_disconnected"):
    """The client disconnected. Only the log shows the status, which nginx introduced."""
