"""Maps failed upstream responses to the service's errors."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from app.backends.responses.json_text import load_json
from app.backends.upstream_response import UpstreamResponse
from app.errors import (
    ModelLoading,
    ModelNotFound,
    ServiceError,
    UpstreamAuthenticationError,
    UpstreamNonRetryable,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
    UpstreamUnexpectedStatus,
)

REASON_MAX_CHARS = 300
# read from the upstream's text before private parts are removed
REASON_READ_CHARS = 1000
# also the number of items that are read from a list
REASON_MAX_DEPTH = 8

_BY_STATUS: dict[int, Callable[..., ServiceError]] = {
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
    502: UpstreamUnavailable,
    503: UpstreamUnavailable,
    504: UpstreamUnavailable,
}
# error types of text-generation-inference, for errors without a status (router/src/server.rs)
_STATUS_BY_TYPE = {"validation": 422, "template_error": 422, "tool_error": 422, "overloaded": 429, "generation": 424}
_REASON_KEYS = ("error", "message", "error_description", "detail", "msg", "title")
_MODEL_NOT_FOUND_CODES = ("model_not_found", "model_not_supported")
_MODEL_NOT_FOUND = re.compile(
    r"model not supported|not supported by (any )?provider|model .{0,200}does not exist|endpoint is paused"
    r"|deprecated and no longer supported|model .{0,200}not found",
    re.IGNORECASE,
)
# URLs, addresses, host names with a port, paths, keys
_PRIVATE = re.compile(
    r"\w+://\S+|\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?|\b[\w-]+(?:\.[\w-]+)*:\d{2,5}\b|(?<!\w)/[\w.-]+(?:/[\w.-]+)+"
    r"|\b(?:hf_|sk-)[\w-]+|\b[Bb]earer\s+\S+|\b[\w-]+(?:\.[\w-]+)+\.(?:com|co|net|org|io|ai|cloud|local|internal)\b"
)


def error_from_response(response: UpstreamResponse) -> ServiceError:
    """Return the error for a response whose status is not 2xx."""
    payload = load_json(response.body, any_depth=True)
    if payload is None and response.media_type == "text/plain":
        payload = response.body.decode(errors="replace")
    if response.status == 503:
        return _unavailable(response, payload)
    return _error(response.status, payload, retry_after(response))


def error_from_payload(payload: dict[str, Any]) -> ServiceError:
    """Return the error of an error payload in a response of status 200, or in an event of a stream."""
    return _error(_payload_status(payload), payload, None)


def retry_after(response: UpstreamResponse) -> float | None:
    """Return Retry-After in seconds, from seconds or a date (RFC 9110, 10.2.3); None if it is missing or invalid."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _unavailable(response: UpstreamResponse, payload: Any) -> ServiceError:
    """Map a 503: with a time to come back a model is loading, without one the upstream is unavailable."""
    seconds = retry_after(response)
    if seconds is None:
        seconds = _estimated_time(payload)
    return UpstreamUnavailable() if seconds is None else ModelLoading(retry_after=seconds)


def _estimated_time(payload: Any) -> float | None:
    estimated = payload.get("estimated_time") if isinstance(payload, dict) else None
    if (
        isinstance(estimated, int | float)
        and not isinstance(estimated, bool)
        and math.isfinite(estimated)
        and estimated >= 0
    ):
        return float(estimated)
    return None


def _error(status: int, payload: Any, seconds: float | None) -> ServiceError:
    reason = _reason(payload)[:REASON_READ_CHARS]
    if status in (400, 422) and (_code(payload) in _MODEL_NOT_FOUND_CODES or _MODEL_NOT_FOUND.search(reason)):
        return ModelNotFound()
    error = _BY_STATUS.get(status) or (UpstreamNonRetryable if status > 500 else UpstreamUnexpectedStatus)
    if error is UpstreamRejected and reason:
        return UpstreamRejected(details={"reason": _PRIVATE.sub("[removed]", reason)[:REASON_MAX_CHARS]})
    if error is UpstreamRateLimited:
        return UpstreamRateLimited(retry_after=seconds)
    return error()


def _reason(payload: Any, depth: int = REASON_MAX_DEPTH) -> str:
    """Return the error's text, from the field that this dialect has for it; "" without one."""
    if isinstance(payload, str):
        text = payload[:REASON_READ_CHARS]
        return " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if isinstance(payload, list) and depth:
        return "; ".join(filter(None, (_reason(item, depth - 1) for item in payload[:REASON_MAX_DEPTH])))
    if isinstance(payload, dict) and depth:
        return next(filter(None, (_reason(payload.get(key), depth - 1) for key in _REASON_KEYS)), "")
    return ""


def _code(payload: Any) -> Any:
    error = payload.get("error") if isinstance(payload, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def _payload_status(payload: dict[str, Any]) -> int:
    """Return the HTTP status that an error payload stands for, 500 by default."""
    error = payload.get("error")
    inner = error if isinstance(error, dict) else {}
    codes = (payload.get("status_code"), inner.get("http_status_code"), inner.get("status_code"), _code(payload))
    for code in (*codes, payload.get("code")):
        if isinstance(code, int) and 400 <= code < 600:
            return code
    if inner.get("type") == "invalid_request_error":
        return 400
    return _STATUS_BY_TYPE.get(str(payload.get("error_type")), 500)
