"""Tokens a minute, a day and a month, and streams at once, of each client: reserved before a call, corrected after."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import time
from typing import Any

from app.clients.identity import ClientIdentity
from app.clients.quota_counters import FixedWindowCounters, QuotaWindow
from app.clients.stream_slots import DistributedSemaphore
from app.context.call_context import CallContext
from app.context.deadline import REDIS_BUDGET_SECONDS, TimeBudget
from app.errors import RateLimitExceeded
from app.ids import new_id
from app.observability.metrics.clients import ClientMetrics
from app.redis_store import RedisStore


def _next_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _next_day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _next_month(now: datetime) -> datetime:
    return (_next_day(now.replace(day=1)) + timedelta(days=30)).replace(day=1)


# windows of the calendar, in UTC, each until it is renewed
_RENEWAL: Mapping[str, Callable[[datetime], datetime]] = {
    "tokens_per_minute": _next_minute,
    "tokens_per_day": _next_day,
    "tokens_per_month": _next_month,
}


@dataclass(frozen=True)
class Reservation:
    """What one request may use: tokens in windows, and a stream's place."""

    needed: Callable[[], int]
    windows: Sequence[QuotaWindow]
    client: ClientIdentity
    stream: str | None = None

    @cached_property
    def tokens(self) -> int:
        """The tokens; they are counted where somebody has to know."""
        return self.needed()


class Quotas:
    """The limits of every client: those of its key, and of the settings where the key says nothing."""

    def __init__(
        self, limits: Mapping[str, Any], stream_seconds: float, store: RedisStore, metrics: ClientMetrics
    ) -> None:
        self._limits = limits
        self._stream_seconds = math.ceil(stream_seconds)
        self._counts = FixedWindowCounters(store)
        self._leases = DistributedSemaphore(store)
        self._metrics = metrics

    def reserve(
        self, client: ClientIdentity, needed: Callable[[], int], allowance: TimeBudget, *, streamed: bool
    ) -> Reservation:
        """Reserve what a request may need, tokens as `needed` tells; raise RateLimitExceeded where that is too much."""
        limits = {**self._limits, **client.limits}
        now = datetime.fromtimestamp(time(), UTC)
        windows = [_window(name, client, limits[name], now) for name in _RENEWAL if limits[name] is not None]
        stream = self._stream(client, limits["concurrent_streams"], allowance) if streamed else None
        reservation = Reservation(needed, windows, client, stream)
        full = self._counts.reserve(windows, reservation.tokens, allowance) if windows else None
        if full is None:
            return reservation
        self._release(reservation, allowance)
        self._metrics.record_rate_limited(client.label, full.name)
        raise _over(full, reservation.tokens, now)

    def settle(self, reservation: Reservation, context: CallContext, *, failed: bool = False) -> None:
        """Correct what was reserved to what was used, in the windows of the reservation; free its stream's place."""
        used = _used(reservation, context, failed)
        # nobody waits for a stream that has ended
        allowance = TimeBudget(REDIS_BUDGET_SECONDS) if context.stream else context.request.redis_budget
        self._metrics.record_tokens(reservation.client.label, used)
        if reservation.windows and used != reservation.tokens:
            self._counts.adjust(reservation.windows, used - reservation.tokens, allowance)
        self._release(reservation, allowance)

    def _stream(self, client: ClientIdentity, limit: int | None, allowance: TimeBudget) -> str | None:
        if limit is None:
            return None
        holder = new_id()
        if self._leases.acquire(client.id, limit, holder, self._stream_seconds, allowance) is not False:
            return holder
        self._metrics.record_rate_limited(client.label, "concurrent_streams")
        message = f"You have {limit} streams open, which is your limit; come back when one has ended."
        raise RateLimitExceeded(message, details={"limit": "concurrent_streams", "allowed": limit})

    def _release(self, reservation: Reservation, allowance: TimeBudget) -> None:
        if reservation.stream is not None:
            self._leases.release(reservation.client.id, reservation.stream, allowance)


def _used(reservation: Reservation, context: CallContext, failed: bool) -> int:
    """Return the tokens of a request that has ended.

    A failure costs nothing, unless the caller left: what that made upstream do nobody tells. Nor does an answer from
    the cache.
    """
    if context.cache == "hit" or (failed and not (context.connection.disconnected and context.timeline.attempts)):
        return 0
    counts = (context.prompt_tokens, context.completion_tokens)
    return reservation.tokens if counts == (None, None) else sum(count or 0 for count in counts)


def _window(name: str, client: ClientIdentity, limit: int, now: datetime) -> QuotaWindow:
    end = _RENEWAL[name](now)
    return QuotaWindow(name, f"{client.id}:{name}:{end:%Y%m%d%H%M}", limit, end)


def _over(window: QuotaWindow, tokens: int, now: datetime) -> RateLimitExceeded:
    renewed = window.end.isoformat()
    if tokens > window.limit:
        advice = "this request alone may need more, so ask for fewer or shorten it."
    else:
        advice = f"it is renewed at {renewed}."
    return RateLimitExceeded(
        f"You are over your limit of {window.limit} {window.name.replace('_per_', ' a ')}; {advice}",
        details={"limit": window.name, "allowed": window.limit, "needed": tokens, "renewed_at": renewed},
        retry_after=(window.end - now).total_seconds(),
    )
