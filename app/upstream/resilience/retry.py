"""When a failed call is made again, and after how long."""

import random
from dataclasses import dataclass

from app.context.deadline import Deadline
from app.errors import ModelLoading, ServiceError, UpstreamRateLimited
from app.sliding_window import SlidingWindow

# retries may be this share of the calls of the last seconds; a few are always allowed, or a quiet service had none
BUDGET_SHARE = 0.2
BUDGET_FLOOR = 10
BUDGET_SECONDS = 10.0
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


class RetryBudget:
    """Keeps retries from multiplying an outage: at most a share of the calls of a sliding window, with a small floor.

    The idea is Finagle's RetryBudget.
    """

    def __init__(self) -> None:
        self._calls = SlidingWindow(BUDGET_SECONDS)
        self._retries = SlidingWindow(BUDGET_SECONDS)

    def count_call(self) -> None:
        """Count one call, whatever becomes of it."""
        self._calls.add()

    def take_retry(self) -> bool:
        """Tell whether one more retry is within the budget, and count it if it is."""
        calls, _ = self._calls.counts()
        retries, _ = self._retries.counts()
        if retries >= max(BUDGET_FLOOR, BUDGET_SHARE * calls):
            return False
        self._retries.add()
        return True
