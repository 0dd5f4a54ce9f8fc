"""What the service itself cannot do, or will not do now."""

from app.errors.base import ServiceError


class InternalError(ServiceError):
    """A bug of ours."""


class CircuitOpen(ServiceError, status=503, type="circuit_open"):
    """The breaker of this backend is open; `retry_after` is the time left."""

    default_message = "The backend failed repeatedly and is left alone for a while; come back after Retry-After."


class Overloaded(ServiceError, status=503, type="overloaded"):
    """As many calls to this backend are in flight, and waiting, as may be."""

    default_message = "The service has as many calls in flight as it may; come back after Retry-After."
    default_retry_after = 1.0


class Draining(ServiceError, status=503, type="draining"):
    """The service is shutting down, and its grace for requests in flight is over."""

    default_message = "The service is shutting down and could not finish this request; send it again."
    default_retry_after = 1.0


class CallerLeft(ServiceError, status=499, type="caller_left"):
    """The caller hung up; the status, which nobody gets, is for the log (nginx named it)."""
