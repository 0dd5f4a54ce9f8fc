"""Errors on the routes of OpenAI's API, in OpenAI's shape, so that its client libraries raise their own errors."""

from typing import Any

from app.errors import (
    ModelNotFound,
    ServiceError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamReport,
    ValidationError,
)

_PREFIX = "/v1/"
_NATIVE_PREFIX = "/v1/text/"
_NATIVE_PATHS = ("/v1/text", "/v1/models/validate")
UNPROCESSABLE = 422


def is_openai_route(path: str) -> bool:
    """Return whether a path belongs to OpenAI's API, including its routes that this service lacks."""
    return path.startswith(_PREFIX) and not path.startswith(_NATIVE_PREFIX) and path not in _NATIVE_PATHS


def openai_error(error: ServiceError) -> dict[str, Any]:
    """Return the body of an error in OpenAI's shape. The shape has no details, so the message includes them.

    An error that the request caused keeps the upstream's `code` and `param`, and a rejection its `type` too. For the
    others `type` is the service's: it tells an unknown model here, and a limit here, from those of the upstream.
    """
    fields = [name for name in error.details if name != "debug"]
    details = "; ".join(f"{name}: {_text(error.details[name])}" for name in fields)
    message = f"{error.message} ({details})" if details else error.message
    debug = {"debug": error.details["debug"]} if "debug" in error.details else {}
    report = _kept_report(error)
    upstream_type = report.type if report and isinstance(error, UpstreamRejected) else None
    return {
        "error": {
            "message": message,
            "type": upstream_type or error.type,
            "param": (report.param if report else None) or _param(error, fields),
            "code": (report.code if report else None) or error.type,
        },
        **debug,
    }


def openai_status(error: ServiceError) -> int:
    """Return the status of an error on OpenAI's routes: an upstream's 422 stays, because OpenAI's SDKs know it."""
    report = _kept_report(error)
    return UNPROCESSABLE if report is not None and report.status == UNPROCESSABLE else error.status


def _kept_report(error: ServiceError) -> UpstreamReport | None:
    """Return the upstream's account of an error that the request caused; other errors concern the operator."""
    is_kept = isinstance(error, UpstreamRejected | ModelNotFound | UpstreamRateLimited)
    return error.report if is_kept and isinstance(error, UpstreamError) else None


def _param(error: ServiceError, fields: list[str]) -> str | None:
    """Return the name of the first invalid parameter, None for other errors."""
    if isinstance(error, ModelNotFound):
        return "model"
    return next(iter(fields), None) if isinstance(error, ValidationError) else None


def _text(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(f"{name}: {_text(inner)}" for name, inner in detail.items())
    return " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
