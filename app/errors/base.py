"""The base class of all errors."""

import math
from typing import Any, ClassVar


class ServiceError(Exception):
    """An error with an HTTP status and a type. `message` is a sentence that a person can act on.

    `retry_after` is in seconds; without it `default_retry_after` applies. `retryable` means that the same call may
    succeed later. `counts_as_failure` means that the circuit breaker counts the error as a failure of the backend.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"
    default_message: ClassVar[str] = "The service failed on this request; the log has the error under the request id."
    default_retry_after: ClassVar[float | None] = None
    # seconds; some upstreams send years
    max_retry_after: ClassVar[float] = 24 * 3600
    retryable: ClassVar[bool] = False
    counts_as_failure: ClassVar[bool] = False

    def __init_subclass__(cls, *, status: int | None = None, type: str | None = None) -> None:  # noqa: A002 - its name
        """Set status and type of the class; without arguments it has those of its parent."""
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
        """Return the JSON body of the response."""
        return {
            "code": self.status,
            "message": self.message,
            "type": self.type,
            "details": self.details,
            "request_id": request_id,
        }

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the error: Retry-After in whole seconds, rounded up (RFC 9110, 10.2.3)."""
        seconds = self.default_retry_after if self.retry_after is None else self.retry_after
        return {} if seconds is None else {"Retry-After": str(math.ceil(min(max(1, seconds), self.max_retry_after)))}
