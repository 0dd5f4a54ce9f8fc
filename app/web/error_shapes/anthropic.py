"""Errors on the routes of Anthropic's API, in Anthropic's shape, so that its client libraries raise their own errors.

https://docs.claude.com/en/api/errors
"""

from typing import Any

from app.errors import ServiceError, UpstreamQuotaExhausted
from app.schemas.messages import AnthropicErrorSchema
from app.web.error_shapes.base import ErrorShape
from app.web.error_shapes.openai import detailed_message

_INVALID_REQUEST, _API_ERROR = "invalid_request_error", "api_error"
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class AnthropicErrors(ErrorShape):
    """Errors as Anthropic has them. `error_code` among the details is the type of this service."""

    name = "anthropic"

    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        details = {"error_code": error.type, **error.details}
        described = {"type": _type(error.status, error.type), "message": detailed_message(error), "details": details}
        return {"type": "error", "error": described, "request_id": request_id}

    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        code = {"properties": {"error_code": {"enum": types}}}
        kinds = sorted({_type(status, kind) for kind in types})
        error = {"properties": {"type": {"enum": kinds}, "details": code}}
        return {"allOf": [AnthropicErrorSchema, {"properties": {"error": error}}]}


ANTHROPIC = AnthropicErrors()


def _type(status: int, service_type: str) -> str:
    """Return Anthropic's type of an error."""
    if service_type == UpstreamQuotaExhausted.type:
        return _API_ERROR  # clients would repeat an overload at once
    return _TYPES.get(status, _API_ERROR if status >= 500 else _INVALID_REQUEST)
