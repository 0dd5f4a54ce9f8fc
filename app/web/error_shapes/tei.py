"""Errors in the shape of text-embeddings-inference (TEI)."""

from typing import Any

from app.errors import (
    ClientError,
    Overloaded,
    RateLimitExceeded,
    ServiceError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
)
from app.schemas.responses import TeiErrorSchema
from app.web.error_shapes.base import ErrorShape
from app.web.error_shapes.openai import detailed_message

_OVERLOADED = (Overloaded, RateLimitExceeded, UpstreamOverloaded, UpstreamRateLimited)
_INVALID = (ClientError, UpstreamRejected)


class TeiErrors(ErrorShape):
    """Errors with one of TEI's words as `error_type`, and with the service's own `type`."""

    name = "tei"

    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        debug = {"debug": error.details["debug"]} if "debug" in error.details else {}
        words = {"error": detailed_message(error), "error_type": _word(error), "type": error.type}
        return {**words, "request_id": request_id, **debug}

    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        return {"allOf": [TeiErrorSchema, {"properties": {"type": {"enum": types}}}]}


TEI = TeiErrors()


def _word(error: ServiceError) -> str:
    """Return the word of TEI for the cause of an error: `ErrorType` of its router/src/lib.rs, in the same letters."""
    if isinstance(error, _OVERLOADED):
        return "Overloaded"
    if isinstance(error, _INVALID):
        return "Validation"
    return "Backend"
