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
from app.schemas.responses import OpenAIErrorSchema
from app.web.error_shapes.base import ErrorShape

UNPROCESSABLE = 422


class OpenAIErrors(ErrorShape):
    """Errors as OpenAI has them. The shape has no details, so the message includes them."""

    name = "openai"

    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        """Return the body of an error.

        An error that the request caused keeps the upstream's `code` and `param`, and a rejection its `type` too. The
        `type` of others is the service's: it tells an unknown model here, and a limit here, from those of the upstream.
        """
        report = _kept_report(error)
        upstream_type = report.type if report and isinstance(error, UpstreamRejected) else None
        debug = {"debug": error.details["debug"]} if "debug" in error.details else {}
        return {
            "error": {
                "message": detailed_message(error),
                "type": upstream_type or error.type,
                "param": (report.param if report else None) or _param(error),
                "code": (report.code if report else None) or error.type,
            },
            **debug,
        }

    def status(self, error: ServiceError) -> int:
        """Return the status of an error: an upstream's 422 stays, because OpenAI's SDKs know it."""
        report = _kept_report(error)
        return UNPROCESSABLE if report is not None and report.status == UNPROCESSABLE else error.status

    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        kind = {"type": {"enum": types}}
        properties = {"error": {"properties": kind | {"code": kind["type"]}}}
        return {"allOf": [OpenAIErrorSchema, {"properties": properties}]}


OPENAI = OpenAIErrors()


def detailed_message(error: ServiceError) -> str:
    """Return the message of an error with its details, for shapes without details."""
    fields = _fields(error)
    details = "; ".join(f"{name}: {_text(error.details[name])}" for name in fields)
    return f"{error.message} ({details})" if details else error.message


def _kept_report(error: ServiceError) -> UpstreamReport | None:
    """Return the upstream's account of an error that the request caused; other errors concern the operator."""
    is_kept = isinstance(error, UpstreamRejected | ModelNotFound | UpstreamRateLimited)
    return error.report if is_kept and isinstance(error, UpstreamError) else None


def _fields(error: ServiceError) -> list[str]:
    return [name for name in error.details if name != "debug"]


def _param(error: ServiceError) -> str | None:
    """Return the name of the first invalid parameter, None for other errors."""
    if isinstance(error, ModelNotFound):
        return "model"
    return next(iter(_fields(error)), None) if isinstance(error, ValidationError) else None


def _text(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(f"{name}: {_text(inner)}" for name, inner in detail.items())
    return " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
