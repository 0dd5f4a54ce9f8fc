"""Errors in the shape of Cohere's API, with the `detail` that Jina's clients read."""

from typing import Any

from app.errors import ServiceError
from app.schemas.responses import CohereErrorSchema
from app.web.error_shapes.base import ErrorShape
from app.web.error_shapes.openai import detailed_message


class CohereErrors(ErrorShape):
    """Errors with Cohere's message; its SDK chooses the class of the exception by the status."""

    name = "cohere"

    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        message = detailed_message(error)
        details = {"type": error.type, "details": error.details}
        return {"id": request_id, "message": message, "detail": message, **details}

    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        return {"allOf": [CohereErrorSchema, {"properties": {"type": {"enum": types}}}]}


COHERE = CohereErrors()
