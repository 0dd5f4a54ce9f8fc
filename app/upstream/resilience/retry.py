"""Retries: whether a failed call is attempted again, after which delay, and a budget for all retries of a backend."""

import random
from dataclasses import dataclass

from app.context.deadline import Deadline
from app.errors import ModelLoading, ServiceError, UpstreamOverloaded, UpstreamRateLimited
from app.sliding_window import SlidingWindow

# retries as a share of the calls in the window; without the minimum a service with little traffic could never retry
BUDGET_RATIO = 0.2
BUDGET_MIN_RETRIES = 10
BUDGET_SECONDS = 10.0
BACKOFF_BASE_SECONDS = 0.25
BACKOFF_CAP_SECONDS = 4.0
# errors whose Retry-After is obeyed
_OBEYED = (UpstreamRateLimited, ModelLoading, UpstreamOverloaded)


@dataclass(frozen=True)
class RetryPolicy:
    """Allows at most `max_retries` attempts after the first one, each within the deadline of the request."""

    max_retries: int

    def delay(self, error: ServiceError, attempt: int, deadline: Deadline) -> float | None:
        """Return the seconds to wait after attempt number `attempt` (from 1); None if there must be no retry.

        The upstream's Retry-After is obeyed on 429, 503 and 529 only. If it exceeds the deadline there is no retry.
        """
        if not error.retryable or attempt > self.max_retries:
            return None
        seconds = self._backoff(attempt)
        if isinstance(error, _OBEYED) and error.retry_after is not None:
            seconds = max(error.retry_after, seconds)
        return seconds if seconds < deadline.remaining() else None

    def _backoff(self, attempt: int) -> float:
        """Return an exponential backoff with full jitter, so that clients that failed together retry apart.

        See M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        return random.uniform(0, min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0**attempt))


class RetryBudget:
    """Limits retries to a share of the calls in a sliding window, with a small minimum.

    Without it, retries multiply the load of a backend that fails. The names are those of Finagle's RetryBudget.
    """

    def __init__(self) -> None:
        self._calls = SlidingWindow(BUDGET_SECONDS)
        self._retries = SlidingWindow(BUDGET_SECONDS)

    def deposit(self) -> None:
        """Count one call, before its outcome is known."""
        self._calls.add()

    def try_withdraw(self) -> bool:
        """Count one retry and return True if the budget allows it; else return False."""
        calls, _ = self._calls.counts()
        retries, _ = self._retries.counts()
        if retries >= max(BUDGET_MIN_RETRIES, BUDGET_RATIO * calls):
            return False
        self._retries.add()
        return True
