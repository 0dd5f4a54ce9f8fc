"""Errors on the routes of OpenAI's API, in OpenAI's shape, so that its client libraries raise their own errors."""

from typing import Any

from app.errors import ModelNotFound, ServiceError, ValidationError

_PREFIX = "/v1/"
_NATIVE_PREFIX = "/v1/text/"
_NATIVE_PATHS = ("/v1/text", "/v1/models/validate")


def is_openai_route(path: str) -> bool:
    """Return whether a path belongs to OpenAI's API, including its routes that this service lacks."""
    return path.startswith(_PREFIX) and not path.startswith(_NATIVE_PREFIX) and path not in _NATIVE_PATHS


def openai_error(error: ServiceError) -> dict[str, Any]:
    """Return the body of an error in OpenAI's shape. The shape has no details, so the message includes them."""
    fields = [name for name in error.details if name != "debug"]
    details = "; ".join(f"{name}: {_text(error.details[name])}" for name in fields)
    message = f"{error.message} ({details})" if details else error.message
    debug = {"debug": error.details["debug"]} if "debug" in error.details else {}
    return {
        "error": {"message": message, "type": error.type, "param": _param(error, fields), "code": error.type},
        **debug,
    }


def _param(error: ServiceError, fields: list[str]) -> str | None:
    """Return the name of the first invalid parameter, None for other errors."""
    if isinstance(error, ModelNotFound):
        return "model"
    return next(iter(fields), None) if isinstance(error, ValidationError) else None


def _text(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(f"{name}: {_text(inner)}" for name, inner in detail.items())
    return " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
