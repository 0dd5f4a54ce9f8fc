"""When a failed call is made again, and after how long."""

import random
from dataclasses import dataclass

from app.context import Deadline
from app.errors import ModelLoading, ServiceError, UpstreamRateLimited

BASE_SECONDS = 0.25
CAP_SECONDS = 4.0


@dataclass(frozen=True)
class RetryPolicy:
    """At most `retries` more attempts after the first, each within the deadline of the request."""

    retries: int

    def wait(self, error: ServiceError, attempt: int, deadline: Deadline) -> float | None:
        """Return the seconds to wait before the next attempt, or None where there must be none.

        `attempt` counts from 1. A time named by the upstream is obeyed on 429 and 503 only; where it does not fit
        into the budget there is no further attempt, and the caller is told the time instead.
        """
        if not error.retryable or attempt > self.retries:
            return None
        seconds = self._backoff(attempt)
        if isinstance(error, UpstreamRateLimited | ModelLoading) and error.retry_after is not None:
            seconds = max(error.retry_after, seconds)
        return seconds if seconds < deadline.remaining() else None

    def _backoff(self, attempt: int) -> float:
        """Exponential backoff with full jitter, so that callers that failed together do not come back together.

        See M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        return random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2.0**attempt))
