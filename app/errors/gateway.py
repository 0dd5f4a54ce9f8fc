"""What the service itself cannot do, or will not do now."""

from typing import ClassVar

from app.errors.base import ServiceError


class InternalError(ServiceError):
    """A bug of ours."""


class CircuitOpen(ServiceError, status=503, type="circuit_open"):
    """The breaker of this backend is open; `retry_after` is the time left."""

    default_message = "The backend failed repeatedly and is left alone for a while; come back after Retry-After."


class Overloaded(ServiceError, status=503, type="overloaded"):
    """A limit on concurrent work is reached; `details.limit` names the setting that raises it."""

    default_retry_after = 1.0
    limit: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(details={"limit": self.limit})


class ConnectionLimitReached(Overloaded):
    """The worker has as many connections as SERVER_MAX_CONNECTIONS allows."""

    default_message = "The service has as many connections as it accepts; send the request again after Retry-After."
    limit = "server_max_connections"


class ConcurrencyLimitReached(Overloaded):
    """The backend has as many calls in flight, and queued, as UPSTREAM_MAX_CONCURRENCY or its adaptive limit allows."""

    default_message = "The backend has as many calls in flight as it may; send the request again after Retry-After."
    limit = "upstream_max_concurrency"


class Draining(ServiceError, status=503, type="draining"):
    """The service is shutting down, and its grace for requests in flight is over."""

    default_message = "The service is shutting down and could not finish this request; send it again."
    default_retry_after = 1.0


class ClientDisconnected(ServiceError, status=499, type="client_disconnected"):
    """The caller hung up; the status, which nobody gets, is for the log (nginx named it)."""
