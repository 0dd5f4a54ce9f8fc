"""The limits of each client on tokens, texts and concurrent streams: reserved before a call, settled after it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
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

CONCURRENT_STREAMS = "concurrent_streams"


def _next_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _next_day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _next_month(now: datetime) -> datetime:
    return (_next_day(now.replace(day=1)) + timedelta(days=30)).replace(day=1)


# the calendar windows, in UTC: the setting, and a function that returns the end of the current window
_WINDOW_ENDS: Mapping[str, Callable[[datetime], datetime]] = {
    "tokens_per_minute": _next_minute,
    "tokens_per_day": _next_day,
    "tokens_per_month": _next_month,
}
_TEXT_WINDOW_ENDS: Mapping[str, Callable[[datetime], datetime]] = {"texts_per_minute": _next_minute}


@dataclass(frozen=True)
class Reservation:
    """Tokens in windows and a stream slot, reserved for one request. `stream_slot` is None without a limit."""

    estimate: Callable[[], int]
    windows: Sequence[QuotaWindow]
    client: ClientIdentity
    stream_slot: str | None = None

    @cached_property
    def tokens(self) -> int:
        """The reserved tokens; estimated at the first use, because most requests have no token limit."""
        return self.estimate()

    def without_body(self) -> "Reservation":
        """Return the reservation of a stream that has started, without the body that `estimate` holds in memory."""
        # an estimate is needed in windows, which has been made, and for a request without a response
        tokens = self.tokens if self.windows else 0
        return replace(self, estimate=lambda: tokens)


class Quotas:
    """The limits of all clients; a limit of an API key replaces that of the settings."""

    def __init__(
        self, limits: Mapping[str, Any], stream_seconds: float, store: RedisStore, metrics: ClientMetrics
    ) -> None:
        self._limits = limits
        self._stream_seconds = math.ceil(stream_seconds)
        self._counters = FixedWindowCounters(store)
        self._stream_slots = DistributedSemaphore(store)
        self._metrics = metrics

    def reserve(
        self, client: ClientIdentity, estimate: Callable[[], int], budget: TimeBudget, *, streamed: bool, texts: int = 0
    ) -> Reservation:
        """Count the texts, and reserve a stream slot and the estimated tokens.

        Raises RateLimitExceeded if a limit leaves no room.
        """
        limits = {**self._limits, **client.limits}
        now = datetime.fromtimestamp(time.time(), UTC)
        if texts:
            self._count_texts(client, limits, texts, now, budget)
        windows = _windows(client, limits, now)
        slot = self._acquire_stream_slot(client, limits[CONCURRENT_STREAMS], budget) if streamed else None
        reservation = Reservation(estimate, windows, client, slot)
        try:
            self._reserve_tokens(reservation, now, budget)
        except BaseException:
            self._release_stream_slot(reservation, budget)
            raise
        return reservation

    def settle(self, reservation: Reservation, context: CallContext, *, failed: bool = False) -> None:
        """Replace the reserved tokens by the used ones, in the windows of the reservation; free the stream slot."""
        used = _used_tokens(reservation, context, failed=failed)
        # a stream has spent its request's budget long ago, and its client does not wait for this
        budget = TimeBudget(REDIS_BUDGET_SECONDS) if context.stream else context.request.redis_budget
        self._metrics.record_tokens(reservation.client.label, used)
        if reservation.windows and used != reservation.tokens:
            self._counters.adjust(reservation.windows, used - reservation.tokens, budget)
        self._release_stream_slot(reservation, budget)

    def _reserve_tokens(self, reservation: Reservation, now: datetime, budget: TimeBudget) -> None:
        if reservation.windows:
            self._reserve(reservation.client, reservation.windows, reservation.tokens, now, budget)

    def _count_texts(
        self, client: ClientIdentity, limits: Mapping[str, Any], texts: int, now: datetime, budget: TimeBudget
    ) -> None:
        if windows := _windows(client, limits, now, _TEXT_WINDOW_ENDS):
            self._reserve(client, windows, texts, now, budget)

    def _reserve(
        self,
        client: ClientIdentity,
        windows: Sequence[QuotaWindow],
        amount: int,
        now: datetime,
        budget: TimeBudget,
    ) -> None:
        full = self._counters.reserve(windows, amount, budget)
        if full is not None:
            self._metrics.record_rate_limited(client.label, full.name)
            seconds = (full.end - now).total_seconds()
            raise RateLimitExceeded.for_window(full.name, full.limit, amount, full.end.isoformat(), seconds)

    def _acquire_stream_slot(self, client: ClientIdentity, limit: int | None, budget: TimeBudget) -> str | None:
        """Return the holder of the slot, or None without a limit. If Redis gives no reply, the stream may start."""
        if limit is None:
            return None
        holder = new_id()
        if self._stream_slots.acquire(client.id, limit, holder, self._stream_seconds, budget) is False:
            self._metrics.record_rate_limited(client.label, CONCURRENT_STREAMS)
            raise RateLimitExceeded.for_streams(limit)
        return holder

    def _release_stream_slot(self, reservation: Reservation, budget: TimeBudget) -> None:
        if reservation.stream_slot is not None:
            self._stream_slots.release(reservation.client.id, reservation.stream_slot, budget)


def _windows(
    client: ClientIdentity,
    limits: Mapping[str, Any],
    now: datetime,
    window_ends: Mapping[str, Callable[[datetime], datetime]] = _WINDOW_ENDS,
) -> list[QuotaWindow]:
    """Return the windows that limit a client at this moment.

    One script counts in all of them, so their keys share the slot of the client's id, in braces, in a Redis Cluster.
    """
    ends = {name: end_of(now) for name, end_of in window_ends.items() if limits[name] is not None}
    prefix = f"{{{client.id}}}"
    return [QuotaWindow(name, f"{prefix}:{name}:{end:%Y%m%d%H%M}", limits[name], end) for name, end in ends.items()]


def _used_tokens(reservation: Reservation, context: CallContext, *, failed: bool) -> int:
    """Return the tokens to charge for a request that has ended: those of its upstream calls, also of failed requests.

    If the client disconnected before the response, the usage of its last call is unknown, so at least the reservation
    is charged.
    """
    unknown = failed and context.connection.disconnected and context.timeline.attempts > 0
    return max(context.total_tokens, reservation.tokens) if unknown else context.total_tokens
