"""What all errors have."""

import math
from typing import Any, ClassVar


class ServiceError(Exception):
    """An error with its HTTP status and type; `message` is a sentence that a person can act on.

    `retry_after` (without it `default_retry_after`) is in seconds and tells callers when to come back. `retryable` says
    that the same call may succeed later, `outage` that the error speaks of the backend's health, not of one request.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"
    default_message: ClassVar[str] = "The service failed on this request; the fault is logged under the request id."
    default_retry_after: ClassVar[float | None] = None
    # an upstream that names a longer time, in seconds, does not mean it
    max_retry_after: ClassVar[float] = 24 * 3600
    retryable: ClassVar[bool] = False
    counts_as_failure: ClassVar[bool] = False

    def __init_subclass__(cls, *, status: int | None = None, type: str | None = None) -> None:  # noqa: A002 - its name
        """Take the fault's status and type; one that names none shares its parent's."""
        cls.status = status or cls.status
        cls.type = type or cls.type

    def __init__(
        self, message: str = "", *, details: dict[str, Any] | None = None, retry_after: float | None = None
    ) -> None:
        self.message = message or self.default_message
        self.details = details or {}
        self.retry_after = retry_after
        super().__init__(self.message)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the JSON shape that every caller gets."""
        return {
            "code": self.status,
            "message": self.message,
            "type": self.type,
            "details": self.details,
            "request_id": request_id,
        }

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the error: Retry-After in whole seconds, rounded up (RFC 9110, 10.2.3)."""
        seconds = self.default_retry_after if self.retry_after is None else self.retry_after
        return {} if seconds is None else {"Retry-After": str(math.ceil(min(max(1, seconds), self.max_retry_after)))}
