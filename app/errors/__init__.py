"""The faults of the service: one class for each, all with the same JSON shape.

The only place that names them: `type` is the error's type for callers, the `error` field of log lines, the label of
metrics, and the outcome in a timeline of attempts.
"""

from app.errors.base import (
    ServiceError,
)
from app.errors.caller import (
    AuthenticationError,
    CallerError,
    HeadersTooLarge,
    IdempotencyKeyReused,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    RateLimitExceeded,
    RequestTimeout,
    UnsupportedMediaType,
    UriTooLong,
    ValidationError,
)
from app.errors.own import (
    CallerLeft,
    CircuitOpen,
    Draining,
    InternalError,
    Overloaded,
)
from app.errors.upstream import (
    ImpatientTimeout,
    ModelLoading,
    ModelNotFound,
    NotSupported,
    StreamTooLong,
    UpstreamAuthenticationError,
    UpstreamError,
    UpstreamFailed,
    UpstreamInvalidResponse,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnexpectedStatus,
)

__all__ = [
    "AuthenticationError",
    "CallerError",
    "CallerLeft",
    "CircuitOpen",
    "Draining",
    "HeadersTooLarge",
    "IdempotencyKeyReused",
    "ImpatientTimeout",
    "InternalError",
    "MethodNotAllowed",
    "ModelLoading",
    "ModelNotFound",
    "NotFound",
    "NotSupported",
    "Overloaded",
    "PayloadTooLarge",
    "PermissionDenied",
    "RateLimitExceeded",
    "RequestTimeout",
    "ServiceError",
    "StreamTooLong",
    "UnsupportedMediaType",
    "UpstreamAuthenticationError",
    "UpstreamError",
    "UpstreamFailed",
    "UpstreamInvalidResponse",
    "UpstreamQuotaExhausted",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "UpstreamUnexpectedStatus",
    "UriTooLong",
    "ValidationError",
]
