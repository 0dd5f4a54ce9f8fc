"""What backends do, or fail to do."""

from app.errors.base import ServiceError


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
    counts_as_failure = True


class UpstreamNonRetryable(UpstreamUnavailable):
    """The backend fails with a status that none of the retried ones is, such as 424 or 501."""

    retryable = False


class UpstreamInvalidResponse(UpstreamError, status=502, type="upstream_invalid_response"):
    """The backend's answer is not what its contract says: HTML, cut off, wrong JSON."""

    default_message = "The backend's answer could not be read; send the request again later."
    retryable = True
    counts_as_failure = True


class UpstreamUnexpectedStatus(UpstreamInvalidResponse):
    """The status is none that the backend's contract knows, such as a redirect; asking again would not change it."""

    retryable = False
    counts_as_failure = False


class UpstreamTimeout(UpstreamError, status=504, type="upstream_timeout"):
    """No whole answer came before the deadline."""

    default_message = "The backend did not answer in time; ask for fewer tokens or send the request again later."
    counts_as_failure = True


class ShortDeadlineTimeout(UpstreamTimeout):
    """The attempt had too little time to blame the backend for it."""

    counts_as_failure = False


class StreamDeadlineExceeded(ShortDeadlineTimeout):
    """A stream went on for longer than one may; that says nothing of the backend."""

    default_message = "The stream took longer than one may take, and was cut; ask for fewer tokens."


class ModelLoading(UpstreamError, status=503, type="model_loading"):
    """The model is being loaded; `retry_after` says when to come back."""

    default_message = "The model is being loaded; send the request again after the time in Retry-After."
    retryable = True
