"""The service's own shape of errors."""

from typing import Any

from app.errors import ServiceError
from app.schemas.responses import ErrorSchema
from app.web.error_shapes.base import ErrorShape


class NativeErrors(ErrorShape):
    """Errors with code, message, type, details and request id."""

    name = ""

    def body(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        return error.body(request_id)

    def schema(self, status: int, types: list[str]) -> dict[str, Any]:
        return {"allOf": [ErrorSchema, {"properties": {"type": {"enum": types}, "code": {"const": status}}}]}


NATIVE = NativeErrors()
