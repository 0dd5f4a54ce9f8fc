"""Errors of clients: statuses 400 to 431."""

import math
from typing import ClassVar, Self

from app.errors.base import ServiceError


class ClientError(ServiceError):
    """The service cannot serve this request as the client sent it."""


class ValidationError(ClientError, status=400, type="validation_error"):
    """The body, a field or a parameter is invalid; `details` maps each field to its reasons."""

    default_message = "The request is invalid; `details` names each invalid field with its reasons."


class AuthenticationError(ClientError, status=401, type="authentication_error"):
    """The request has no client key, or an unknown one."""

    default_message = "Send a known client key, as Authorization: Bearer KEY, or in X-API-Key or api-key."

    @property
    def headers(self) -> dict[str, str]:
        """The authentication scheme (RFC 9110, 11.6.1)."""
        return {"WWW-Authenticate": "Bearer"}


class PermissionDenied(ClientError, status=403, type="permission_denied"):
    """The client key does not permit this."""

    default_message = "This client key does not permit this; ask the operator of this service for the permission."


class NotFound(ClientError, status=404, type="not_found"):
    """No route matches the path."""

    default_message = "This route does not exist; GET /docs lists all routes."


class MethodNotAllowed(ClientError, status=405, type="method_not_allowed"):
    """The route exists, but not for this method."""

    default_message = "This route does not support the method; see the Allow header."


class RequestTimeout(ClientError, status=408, type="request_timeout"):
    """The client took longer than SERVER_READ_TIMEOUT to send the request."""

    default_message = "The request did not arrive in time; send it again without pauses."


class PayloadTooLarge(ClientError, status=413, type="payload_too_large"):
    """The body is over MAX_BODY_BYTES."""

    default_message = "The body is larger than this service accepts; send a shorter one."


class UriTooLong(ClientError, status=414, type="uri_too_long"):
    """The request line is too long."""

    default_message = "The URL is longer than this service accepts."


class UnsupportedMediaType(ClientError, status=415, type="unsupported_media_type"):
    """The body is not JSON."""

    default_message = "The body must be JSON, sent with Content-Type: application/json and no Content-Encoding."


class IdempotencyKeyReused(ClientError, status=422, type="idempotency_key_reused"):
    """An earlier request with this Idempotency-Key had another body."""

    default_message = "An earlier request with this Idempotency-Key had another body; send a new key."


class HeadersTooLarge(ClientError, status=431, type="headers_too_large"):
    """A header, or all headers together, are too large."""

    default_message = "The headers are larger than this service accepts."


class RateLimitExceeded(ClientError, status=429, type="rate_limit_exceeded"):
    """The client is over one of its limits; `retry_after` is the time until the limit allows the next request."""

    default_message = "You are over your limit; come back after the time in Retry-After."
    default_retry_after = 1.0
    max_retry_after: ClassVar[float] = math.inf

    @classmethod
    def for_requests(cls, rate: str, amount: int, seconds: int, wait: float) -> Self:
        """Return the error of a client that is over its `rate` of `amount` requests in `seconds`."""
        return cls(
            f"You are over your limit of {rate}; come back after the time in Retry-After.",
            details={"limit": "rate_limit", "allowed": amount, "seconds": seconds},
            retry_after=wait,
        )

    @classmethod
    def for_failed_keys(cls, wait: float) -> Self:
        """Return the error of an address that sent too many requests without a known client key."""
        return cls("Your address sent too many requests without a known client key.", retry_after=wait)

    @classmethod
    def for_window(cls, limit: str, allowed: int, needed: int, renewed_at: str, seconds: float) -> Self:
        """Return the error of a request that may need more tokens, or has more texts, than its window has left.

        `limit` names the setting, `renewed_at` is the end of the window in ISO 8601, `seconds` the time until then.
        """
        unit = limit.replace("_", " ")
        fits, kind = needed <= allowed, unit.partition(" ")[0]
        advice = f"the limit renews at {renewed_at}" if fits else f"ask for fewer {kind} or shorten the input"
        return cls(
            f"This request may need {needed} {kind}, more than is left of your {allowed} {unit}; {advice}.",
            details={"limit": limit, "allowed": allowed, "needed": needed, "renewed_at": renewed_at},
            retry_after=seconds,
        )

    @classmethod
    def for_streams(cls, allowed: int) -> Self:
        """Return the error of a stream beyond the concurrent streams of its client."""
        return cls(
            f"Your limit of {allowed} concurrent streams is reached; send the request again when one has ended.",
            details={"limit": "concurrent_streams", "allowed": allowed},
        )
