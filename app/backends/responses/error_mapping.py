"""Maps failed upstream responses to the service's errors."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from app.backends.responses import error_words as words
from app.backends.responses.error_payload import ErrorPayload
from app.backends.responses.json_text import load_json
from app.backends.upstream_response import UpstreamResponse
from app.errors import (
    ModelLoading,
    ModelNotFound,
    NotSupported,
    UpstreamAuthenticationError,
    UpstreamError,
    UpstreamNonRetryable,
    UpstreamOverloaded,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamReport,
    UpstreamUnavailable,
    UpstreamUnexpectedStatus,
)

REASON_MAX_CHARS = 300

_BY_STATUS: dict[int, type[UpstreamError]] = {
    400: UpstreamRejected,
    401: UpstreamAuthenticationError,
    402: UpstreamQuotaExhausted,
    403: UpstreamAuthenticationError,
    404: ModelNotFound,
    408: UpstreamUnavailable,
    410: ModelNotFound,
    413: UpstreamRejected,
    422: UpstreamRejected,
    424: UpstreamNonRetryable,
    429: UpstreamRateLimited,
    500: UpstreamUnavailable,
    501: NotSupported,
    502: UpstreamUnavailable,
    503: UpstreamUnavailable,
    504: UpstreamUnavailable,
    # Cloudflare's errors of an origin
    **dict.fromkeys((520, 521, 522, 523, 524), UpstreamUnavailable),
    529: UpstreamOverloaded,  # Anthropic's
}
# URLs, addresses, host names with a port, paths, keys
_PRIVATE = re.compile(
    r"\w+://\S+|\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?|\b[\w-]+(?:\.[\w-]+)*:\d{2,5}\b|(?<!\w)/[\w.-]+(?:/[\w.-]+)+"
    r"|\b(?:hf_|sk-)[\w-]+|\b[Bb]earer\s+\S+|\b[\w-]+(?:\.[\w-]+)+\.(?:com|co|net|org|io|ai|cloud|local|internal)\b"
)


def error_from_response(response: UpstreamResponse) -> UpstreamError:
    """Return the error for a response whose status is not 2xx."""
    payload = load_json(response.body, any_depth=True)
    if payload is None and response.media_type == "text/plain":
        payload = response.body.decode(errors="replace")
    return _error(response.status, ErrorPayload(payload), retry_after(response))


def error_from_payload(payload: dict[str, Any]) -> UpstreamError:
    """Return the error of an error payload in a response of status 200, or in an event of a stream."""
    read = ErrorPayload(payload)
    return _error(read.status or (500 if read.retry_after is None else 503), read, None)


def retry_after(response: UpstreamResponse) -> float | None:
    """Return Retry-After in seconds, from seconds or a date (RFC 9110, 10.2.3); None if it is missing or invalid."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _error(status: int, payload: ErrorPayload, seconds: float | None) -> UpstreamError:
    """Return the error of a status and payload; `seconds` is the time in the Retry-After header."""
    if seconds is None:
        seconds = payload.retry_after
    error_class = _error_class(status, payload, seconds)
    reason = _cleaned(payload.reason)
    details = {"reason": reason} if reason and issubclass(error_class, UpstreamRejected | NotSupported) else {}
    is_temporary = issubclass(error_class, UpstreamRateLimited | UpstreamUnavailable | ModelLoading)
    error = error_class(details=details, retry_after=seconds if is_temporary else None)
    code, kind, param = map(_cleaned_name, (payload.code, payload.type, payload.param))
    error.report = UpstreamReport(status, reason, code, kind, param, payload.refused_fields)
    return error


def _error_class(status: int, payload: ErrorPayload, seconds: float | None) -> type[UpstreamError]:
    """Return the class of a status, unless the payload says that it means something else."""
    if status == 503 and seconds is not None:
        return ModelLoading  # without a time to come back the upstream is unavailable
    if status in (400, 403, 422) and _is_model_not_found(status, payload):
        return ModelNotFound
    if status in (400, 401, 403, 429) and _is_quota_exhausted(status, payload, seconds):
        return UpstreamQuotaExhausted
    if status == 403 and _is_moderation(payload):
        return UpstreamRejected
    return _BY_STATUS.get(status) or (UpstreamNonRetryable if status > 500 else UpstreamUnexpectedStatus)


def _is_model_not_found(status: int, payload: ErrorPayload) -> bool:
    if not words.MODEL_NOT_FOUND_WORDS.isdisjoint(payload.words):
        return True
    return status != 403 and words.MODEL_NOT_FOUND_TEXT.search(payload.reason) is not None


def _is_quota_exhausted(status: int, payload: ErrorPayload, seconds: float | None) -> bool:
    """Return whether credits are spent. Google's text names a quota for limits per minute too, with a time to retry."""
    if status == 400:
        return "arrearage" in payload.words or words.LOW_BALANCE_TEXT.search(payload.reason) is not None
    if not words.QUOTA_WORDS.isdisjoint(payload.words):
        return True
    return seconds is None and words.QUOTA_TEXT.search(payload.reason) is not None


def _is_moderation(payload: ErrorPayload) -> bool:
    if payload.is_moderated or not words.MODERATION_WORDS.isdisjoint(payload.words):
        return True
    return words.MODERATION_TEXT.search(payload.reason) is not None


def _cleaned(text: str) -> str:
    """Return a text without private parts, cut to REASON_MAX_CHARS."""
    return _PRIVATE.sub("[removed]", text)[:REASON_MAX_CHARS]


def _cleaned_name(text: str | None) -> str | None:
    return _cleaned(text) if text else None
