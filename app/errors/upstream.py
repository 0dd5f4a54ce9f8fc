"""Errors of backends."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from app.errors.base import ServiceError


@dataclass(frozen=True, slots=True)
class UpstreamReport:
    """The upstream's own account of an error, without private parts.

    `status` is its HTTP status, or for an error in a response of status 200 the status that the error stands for.
    `reason` is its text, "" without one. `code`, `type` and `param` are None unless the upstream sent a text.
    `refused_fields` are the names, or paths of names, of the request fields that it refuses.
    """

    status: int
    reason: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    refused_fields: tuple[str, ...] = ()

    def redacted(self, redact: Callable[[str], str]) -> Self:
        """Return the report with `redact` applied to each text that clients or operators see."""
        code, kind, param = (redact(text) if text else None for text in (self.code, self.type, self.param))
        return replace(self, reason=redact(self.reason), code=code, type=kind, param=param)


class UpstreamError(ServiceError):
    """A backend failed or rejected a call; `report` is its own account, None if it sent no response."""

    report: UpstreamReport | None = None


class ModelNotFound(UpstreamError, status=404, type="model_not_found"):
    """The model is unknown, retired or not served."""

    default_message = "This model is unknown, retired or not served; use one of the models in `details`."


class NotSupported(UpstreamError, status=501, type="not_supported"):
    """The backend or the model does not support this operation."""

    default_message = "The backend does not support this operation."


class UpstreamRejected(UpstreamError, status=400, type="upstream_rejected"):
    """The backend rejects the input."""

    default_message = "The backend rejects this input; change it, or use another model."


class UpstreamAuthenticationError(UpstreamError, status=502, type="upstream_authentication_error"):
    """The backend rejects the key of this service."""

    default_message = "The backend rejects this service's key; its operator must check the key and its permissions."


class UpstreamQuotaExhausted(UpstreamError, status=503, type="upstream_quota_exhausted"):
    """The account at the backend has no credits left."""

    default_message = "The account at the backend has no credits left; this service's operator must add credits."


class UpstreamRateLimited(UpstreamError, status=429, type="upstream_rate_limited"):
    """The backend limits the rate of calls."""

    default_message = "The backend limits the rate of calls; send the request again after the time in Retry-After."
    default_retry_after = 1.0
    retryable = True


class UpstreamUnavailable(UpstreamError, status=502, type="upstream_unavailable"):
    """The backend cannot be reached, or fails."""

    default_message = "The backend cannot be reached or fails; send the request again later."
    retryable = True
    counts_as_failure = True


class UpstreamOverloaded(UpstreamUnavailable):
    """The backend has more calls than it can take; `retry_after` is when it expects to take calls again."""


class UpstreamNonRetryable(UpstreamUnavailable):
    """The backend fails with a status that retries do not help against, such as 424 or 501."""

    retryable = False


class UpstreamInvalidResponse(UpstreamError, status=502, type="upstream_invalid_response"):
    """The response of the backend breaks its contract: it is HTML, incomplete or wrong JSON."""

    default_message = "The response of the backend could not be read; send the request again later."
    retryable = True
    counts_as_failure = True


class UpstreamUnexpectedStatus(UpstreamInvalidResponse):
    """The backend's contract does not have the status, such as a redirect; a retry would get the same status."""

    retryable = False
    counts_as_failure = False


class UpstreamTimeout(UpstreamError, status=504, type="upstream_timeout"):
    """No complete response came before the deadline."""

    default_message = "The backend did not respond in time; ask for fewer tokens or send the request again later."
    counts_as_failure = True


class ShortDeadlineTimeout(UpstreamTimeout):
    """The attempt had too little time for its timeout to count as a failure of the backend."""

    counts_as_failure = False


class StreamDeadlineExceeded(ShortDeadlineTimeout):
    """The stream took longer than STREAM_TOTAL_TIMEOUT, which is no failure of the backend."""

    default_message = "The stream was cut at the time limit for streams; ask for fewer tokens."


class ModelLoading(UpstreamError, status=503, type="model_loading"):
    """The backend is loading the model; `retry_after` is the expected time until it is ready."""

    default_message = "The backend is loading the model; send the request again after the time in Retry-After."
    retryable = True


class ExtractionInvalid(ServiceError, status=422, type="extraction_invalid"):
    """The model gave no data that is valid under the schema of the request, and neither did its second attempt."""

    default_message = "The model gave no valid data for this text; change the schema or the text, or use another model."
