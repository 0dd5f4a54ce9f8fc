"""The faults of the service: one class for each, all with the same JSON shape.

The only place that names them: `type` is the error's type for callers, the `error` field of log lines, the label of
metrics, and the outcome in a timeline of attempts.
"""

import math
from typing import Any, ClassVar

# an upstream that names a longer time, in seconds, does not mean it
LONGEST_RETRY_AFTER = 24 * 3600


class ServiceError(Exception):
    """An error with its HTTP status and type; `message` is a sentence that a person can act on.

    `retry_after` (without it `default_retry_after`) is in seconds and tells callers when to come back. `retryable` says
    that the same call may succeed later, `outage` that the error speaks of the backend's health, not of one request.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"
    default_message: ClassVar[str] = "The service failed on this request; the fault is logged under the request id."
    default_retry_after: ClassVar[float | None] = None
    retryable: ClassVar[bool] = False
    outage: ClassVar[bool] = False

    def __init_subclass__(cls, *, status: int | None = None, type: str | None = None) -> None:  # noqa: A002 - its name
        """Take the fault's status and type; one that names none shares its parent's."""
        cls.status = status or cls.status
        cls.type = type or cls.type

    def __init__(
        self, message: str = "", *, details: dict[str, Any] | None = None, retry_after: float | None = None
    ) -> None:
        self.message = message or self.default_message
        self.details = details or {}
        self.retry_after = retry_after
        super().__init__(self.message)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the JSON shape that every caller gets."""
        return {
            "code": self.status,
            "message": self.message,
            "type": self.type,
            "details": self.details,
            "request_id": request_id,
        }

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the error: Retry-After in whole seconds, rounded up (RFC 9110, 10.2.3)."""
        seconds = self.default_retry_after if self.retry_after is None else self.retry_after
        return {} if seconds is None else {"Retry-After": str(math.ceil(min(max(1, seconds), LONGEST_RETRY_AFTER)))}


class InternalError(ServiceError):
    """A bug of ours."""


class CallerError(ServiceError):
    """What the caller sent cannot be served."""


class ValidationError(CallerError, status=400, type="validation_error"):
    """The body, a field or a parameter is wrong; details map each field to its reasons."""

    default_message = "The request is not valid; every field at fault is named with its reasons."


class AuthenticationError(CallerError, status=401, type="authentication_error"):
    """The caller shows no client key, or none that is known."""

    default_message = "Send a client key that is known here, as Authorization: Bearer KEY or in X-API-Key."

    @property
    def headers(self) -> dict[str, str]:
        """How to show a key (RFC 9110, 11.6.1)."""
        return {"WWW-Authenticate": "Bearer"}


class NotFound(CallerError, status=404, type="not_found"):
    """No such route."""

    default_message = "There is no such route; the README lists them all."


class MethodNotAllowed(CallerError, status=405, type="method_not_allowed"):
    """The route exists, the method does not."""

    default_message = "This route does not take that method; see the Allow header."


class RequestTimeout(CallerError, status=408, type="request_timeout"):
    """The caller was too slow in sending the request."""

    default_message = "The request did not arrive in time; send it again without pauses."


class PayloadTooLarge(CallerError, status=413, type="payload_too_large"):
    """The body is over MAX_BODY_BYTES."""

    default_message = "The body is larger than this service accepts; send a shorter one."


class UriTooLong(CallerError, status=414, type="uri_too_long"):
    """The request line is too long."""

    default_message = "The URL is longer than this service accepts."


class UnsupportedMediaType(CallerError, status=415, type="unsupported_media_type"):
    """The body is not JSON."""

    default_message = "The body must be JSON, sent with Content-Type: application/json and no Content-Encoding."


class IdempotencyKeyReused(CallerError, status=422, type="idempotency_key_reused"):
    """The Idempotency-Key came before with another body."""

    default_message = "This Idempotency-Key was used with another body; send a new key with a new request."


class HeadersTooLarge(CallerError, status=431, type="headers_too_large"):
    """A header, or all of them together, are too large."""

    default_message = "The headers are larger than this service accepts."


class UpstreamError(ServiceError):
    """What a backend did, or failed to do."""


class ModelNotFound(UpstreamError, status=404, type="model_not_found"):
    """The model is unknown, retired or not served."""

    default_message = "This model is unknown, retired or not served; use one of those that are named."


class NotSupported(UpstreamError, status=501, type="not_supported"):
    """The backend or the model cannot do this operation."""

    default_message = "The backend cannot do this operation."


class UpstreamRejected(UpstreamError, status=400, type="upstream_rejected"):
    """The backend refuses the input."""

    default_message = "The backend refuses this input; change it, or use another model."


class UpstreamAuthenticationError(UpstreamError, status=502, type="upstream_authentication_error"):
    """The backend refuses our key."""

    default_message = "The backend refuses this service's key; its operator must check the key and its permissions."


class UpstreamQuotaExhausted(UpstreamError, status=503, type="upstream_quota_exhausted"):
    """The credits of our account are spent."""

    default_message = "The backend's credits are spent; this service's operator must add some."


class UpstreamRateLimited(UpstreamError, status=429, type="upstream_rate_limited"):
    """The backend says slow down."""

    default_message = "The backend limits the rate of calls; send the request again after the time in Retry-After."
    default_retry_after = 1.0
    retryable = True


class UpstreamUnavailable(UpstreamError, status=502, type="upstream_unavailable"):
    """The backend cannot be reached or fails."""

    default_message = "The backend cannot be reached or fails; send the request again later."
    retryable = True
    outage = True


class UpstreamFailed(UpstreamUnavailable):
    """The backend fails with a status that none of the retried ones is, such as 424 or 501."""

    retryable = False


class UpstreamInvalidResponse(UpstreamError, status=502, type="upstream_invalid_response"):
    """The backend's answer is not what its contract says: HTML, cut off, wrong JSON."""

    default_message = "The backend's answer could not be read; send the request again later."
    retryable = True
    outage = True


class UpstreamUnexpectedStatus(UpstreamInvalidResponse):
    """The status is none that the backend's contract knows, such as a redirect; asking again would not change it."""

    retryable = False
    outage = False


class UpstreamTimeout(UpstreamError, status=504, type="upstream_timeout"):
    """No whole answer came before the deadline."""

    default_message = "The backend did not answer in time; ask for fewer tokens or send the request again later."
    outage = True


class ImpatientTimeout(UpstreamTimeout):
    """The attempt had too little time to blame the backend for it."""

    outage = False


class StreamTooLong(ImpatientTimeout):
    """A stream went on for longer than one may; that says nothing of the backend."""

    default_message = "The stream took longer than one may take, and was cut; ask for fewer tokens."


class ModelLoading(UpstreamError, status=503, type="model_loading"):
    """The model is being loaded; `retry_after` says when to come back."""

    default_message = "The model is being loaded; send the request again after the time in Retry-After."
    retryable = True


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
