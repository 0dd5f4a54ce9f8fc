"""Retries: whether a failed call is attempted again, after which delay, and the budgets of the clients."""

import random
import time
from dataclasses import dataclass

from app.context.deadline import Deadline
from app.errors import ModelLoading, ServiceError, UpstreamOverloaded, UpstreamRateLimited
from app.sliding_window import SlidingWindow

# retries as a share of a client's calls; without the minimum a client with little traffic could never retry
BUDGET_RATIO = 0.2
BUDGET_MIN_RETRIES = 10
BUDGET_SECONDS = 10.0
# retries above that share, of all clients together: the minimum of five of them
BUDGET_MAX_UNEARNED = 5 * BUDGET_MIN_RETRIES
BUDGET_MAX_CLIENTS = 1000
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


@dataclass(slots=True)
class _Account:
    """The calls and retries of one client since a monotonic time."""

    opened: float
    calls: int = 0
    retries: int = 0


class RetryBudget:
    """Limits the retries of each client to a share of its calls, with a small minimum.

    Without it, retries multiply the load of a backend that fails. The names are those of Finagle's RetryBudget. Each
    client has an account for BUDGET_SECONDS from its first call on, so that its failures use up no other client's
    retries. Retries within the share need no common limit: their sum is the same share of all calls. Those that only
    the minimum allows are limited for all clients together, because many clients may fail at once.
    """

    def __init__(self) -> None:
        # oldest first
        self._accounts: dict[str, _Account] = {}
        self._unearned = SlidingWindow(BUDGET_SECONDS)

    def deposit(self, client: str = "") -> None:
        """Count one call of a client, before its outcome is known."""
        self._account(client).calls += 1

    def try_withdraw(self, client: str = "") -> bool:
        """Count one retry of a client and return True if the budget allows it; else return False."""
        account = self._account(client)
        if account.retries >= BUDGET_RATIO * account.calls:
            unearned, _ = self._unearned.counts()
            if account.retries >= BUDGET_MIN_RETRIES or unearned >= BUDGET_MAX_UNEARNED:
                return False
            self._unearned.add()
        account.retries += 1
        return True

    def _account(self, client: str) -> _Account:
        """Return the account of a client; open a new one if it has none or an expired one."""
        now = time.monotonic()
        account = self._accounts.get(client)
        if account is None or now - account.opened >= BUDGET_SECONDS:
            self._accounts.pop(client, None)
            self._close_expired(now)
            account = self._accounts[client] = _Account(now)
        return account

    def _close_expired(self, now: float) -> None:
        """Remove expired accounts, and the oldest one if there are BUDGET_MAX_CLIENTS."""
        while self._accounts:
            oldest = next(iter(self._accounts))
            is_full = len(self._accounts) >= BUDGET_MAX_CLIENTS
            if not is_full and now - self._accounts[oldest].opened < BUDGET_SECONDS:
                return
            del self._accounts[oldest]
