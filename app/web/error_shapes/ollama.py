"""Errors on the routes of Ollama's API, in Ollama's shape."""

from typing import Any

from app.errors import ServiceError
from app.schemas.ollama_responses import OllamaErrorSchema
from app.web.error_shapes.base import ErrorShape
from app.web.error_shapes.openai import detailed_message


class OllamaErrors(ErrorShape):
    """Errors as Ollama has them: a message, which includes the details."""

    name = "ollama"

    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        debug = {"debug": error.details["debug"]} if "debug" in error.details else {}
        return {"error": detailed_message(error), **debug}

    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        return {"allOf": [OllamaErrorSchema]}


OLLAMA = OllamaErrors()
