"""The interface of error shapes."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from app.errors import ServiceError


class ErrorShape(ABC):
    """How the errors of one API look. `name` is its part of names in the OpenAPI document."""

    name: ClassVar[str]

    @abstractmethod
    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        """Return the body of a response with an error."""

    def status(self, error: ServiceError) -> int:
        """Return the status of a response with an error."""
        return error.status

    def headers(self, error: ServiceError) -> dict[str, str]:
        """Return the headers of a response with an error."""
        return error.headers

    @abstractmethod
    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        """Return the JSON Schema of bodies with errors of one status; it may contain marshmallow schemas."""
