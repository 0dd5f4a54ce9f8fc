"""Errors on OpenAI's routes have OpenAI's shape, so that its clients raise what their callers expect."""

from typing import Any

from app.errors import ModelNotFound, ServiceError, ValidationError

_ROUTES = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models")
_OURS = "/v1/models/validate"


def is_openai_route(path: str) -> bool:
    """Tell whether a path is one of OpenAI's API."""
    return path in _ROUTES or (path.startswith("/v1/models/") and path != _OURS)


def openai_error(error: ServiceError) -> dict[str, Any]:
    """Return an error as OpenAI has it, in whose shape details have no place but the message."""
    fields = [name for name in error.details if name != "debug"]
    told = "; ".join(f"{name}: {_sentence(error.details[name])}" for name in fields)
    message = f"{error.message} ({told})" if told else error.message
    debug = {"debug": error.details["debug"]} if "debug" in error.details else {}
    return {
        "error": {"message": message, "type": error.type, "param": _param(error, fields), "code": error.type},
        **debug,
    }


def _param(error: ServiceError, fields: list[str]) -> str | None:
    """Return the first parameter at fault."""
    if isinstance(error, ModelNotFound):
        return "model"
    return next(iter(fields), None) if isinstance(error, ValidationError) else None


def _sentence(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(f"{name}: {_sentence(inner)}" for name, inner in detail.items())
    return " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
