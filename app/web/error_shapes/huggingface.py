"""Errors on the routes of Hugging Face's task calls and of text-generation-inference (TGI)."""

from typing import Any

from app.errors import (
    CircuitOpen,
    ClientError,
    Draining,
    ModelLoading,
    Overloaded,
    RateLimitExceeded,
    ServiceError,
    UpstreamInvalidResponse,
    UpstreamOverloaded,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from app.schemas.responses import HuggingFaceErrorSchema
from app.web.error_shapes.base import ErrorShape
from app.web.error_shapes.openai import detailed_message

# TGI's names of its four kinds of errors, by which huggingface_hub chooses its exception
GENERATION = "generation"
_OVERLOADED = (
    CircuitOpen,
    Draining,
    ModelLoading,
    Overloaded,
    RateLimitExceeded,
    UpstreamOverloaded,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
)
_KINDS: tuple[tuple[str, tuple[type[ServiceError], ...]], ...] = (
    ("overloaded", _OVERLOADED),
    ("validation", (ClientError, UpstreamRejected)),
    ("incomplete_generation", (UpstreamInvalidResponse, UpstreamTimeout)),
)
ERROR_TYPES = (*(name for name, _ in _KINDS), GENERATION)
# node and proxies refuse longer headers
MAX_HEADER_CHARS = 500


class HuggingFaceErrors(ErrorShape):
    """Errors as Hugging Face's inference servers have them; `type` is the service's own name of the error."""

    name = "huggingface"

    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        """Return the body of an error; that of a model which loads has the seconds until it is ready."""
        body: dict[str, Any] = {
            "error": detailed_message(error),
            "error_type": next((name for name, types in _KINDS if isinstance(error, types)), GENERATION),
            "type": error.type,
        }
        if isinstance(error, ModelLoading) and error.retry_after is not None:
            body["estimated_time"] = error.retry_after
        return {**body, "debug": error.details["debug"]} if "debug" in error.details else body

    def headers(self, error: ServiceError) -> dict[str, str]:
        """Return the headers of an error; huggingface_hub reads its message from a header too."""
        text = " ".join(detailed_message(error).encode("ascii", "replace").decode().split())
        return {**error.headers, "X-Error-Message": text[:MAX_HEADER_CHARS]}

    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        return {"allOf": [HuggingFaceErrorSchema, {"properties": {"type": {"enum": types}}}]}


HUGGINGFACE = HuggingFaceErrors()
