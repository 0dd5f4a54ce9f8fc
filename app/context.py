"""What travels with one request below the blueprints: its id, its limits of time, and the facts for its log line."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gevent

from app.caller import Caller
from app.errors import CallerLeft, InternalError, ServiceError, UpstreamTimeout
from app.tracing.base import NO_TRACE, Trace

# what all questions to Redis together may cost one request
STORE_SECONDS = 0.05
TICK_SECONDS = 0.005
# a model may well need this long for its first word
FAIR_SECONDS = 1.0
# from the least work done for an answer to the most
CACHE_OUTCOMES = ("hit", "coalesced", "miss", "bypass")


class Deadline:
    """The moment, `seconds` from now, by which a request is answered, whatever an upstream does.

    An attempt that had less than `fair` seconds says nothing of the backend when it times out.
    """

    def __init__(self, seconds: float, fair: float = FAIR_SECONDS) -> None:
        self._end = time.monotonic() + seconds
        self.fair = fair

    def remaining(self) -> float:
        """Return the seconds left, zero when the deadline has passed."""
        return max(0.0, self._end - time.monotonic())

    def enforced(self, within: float | None = None) -> gevent.Timeout:
        """Raise UpstreamTimeout in the block when the deadline passes, or after `within` seconds if that is sooner.

        Socket timeouts bound one read each, so an upstream that drips bytes outlives any of them; this does not.
        """
        seconds = self.remaining()
        return gevent.Timeout(seconds if within is None else min(within, seconds), UpstreamTimeout)


class Allowance:
    """Seconds that may be spent on waiting for something, in all.

    They are counted in ticks of the event loop: one that comes late, because this process was busy, is one tick all the
    same, since nobody could have been heard meanwhile.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def spending(self, spent: Exception) -> Iterator[None]:
        """Take the time of the block from what is left; raise `spent` in it when nothing is."""
        waiting, started, last = gevent.getcurrent(), time.monotonic(), math.ceil(self.left / TICK_SECONDS)
        ticks = 0

        def tick() -> None:
            nonlocal ticks
            ticks += 1
            if ticks == last:
                waiting.throw(spent)

        timer = gevent.get_hub().loop.timer(TICK_SECONDS, TICK_SECONDS)
        timer.start(tick)
        try:
            yield
        finally:
            timer.close()
            taken = min(time.monotonic() - started, (ticks + 1) * TICK_SECONDS)
            self.left = max(0.0, self.left - taken) if ticks < last else 0.0


@dataclass(frozen=True)
class CacheControl:
    """What the caller allows: to be answered from the cache, and to be kept in it."""

    read: bool = True
    write: bool = True


@dataclass
class StreamFacts:
    """What the log line and the metrics tell of a stream; times in seconds from the request's start."""

    first_event: float = 0.0
    events: int = 0
    end: float = 0.0
    outcome: str = "caller_left"
    error: str | None = CallerLeft.type


@dataclass
class RequestContext:
    """One request: filled in on the way down, read by the log line, the metrics and the answer.

    `outcome` is `ok` or the error's type, None where no backend was asked. `retries` have the backend and the error
    that was the reason, `hedges` the backend and whether the second attempt won.
    """

    request_id: str
    deadline: Deadline
    operation: str
    caller: Caller = field(default_factory=partial(Caller, None))
    cache_control: CacheControl = field(default_factory=CacheControl)
    debug: bool = False
    trace: Trace = NO_TRACE
    client: str | None = None
    started: float = field(default_factory=time.monotonic)
    store_allowance: Allowance = field(default_factory=partial(Allowance, STORE_SECONDS))
    model: str | None = None
    backend: str | None = None
    fallback: bool = False
    outcome: str | None = None
    attempts: int = 0
    retries: list[tuple[str, str]] = field(default_factory=list)
    hedges: list[tuple[str, bool]] = field(default_factory=list)
    cache: str | None = None
    to_keep: list[tuple[str, bytes]] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    queue_seconds: float = 0.0
    upstream_seconds: float = 0.0
    backoff_seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    usage_estimated: bool = False
    finish_reasons: Sequence[str | None] = ()
    stream_end: Deadline = field(default_factory=partial(Deadline, math.inf))
    stream: StreamFacts | None = None

    @property
    def tokens_per_second(self) -> float:
        """How fast a stream that has ended gave its tokens after the first event; 0 where it gave one piece only."""
        if self.stream is None or self.stream.events < 2:
            return 0.0
        return (self.completion_tokens or 0) / (self.stream.end - self.stream.first_event)

    def note_cache(self, outcome: str) -> None:
        """Keep the outcome that took the most work of those of all upstream calls."""
        self.cache = max(outcome, self.cache or outcome, key=CACHE_OUTCOMES.index)

    def with_debug(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer, with the timeline of attempts where the caller asked for it."""
        return {**answer, "debug": {"attempts": self.timeline}} if self.debug else answer

    def timed(self, backend: str, route: str) -> "Entry":
        """Put the block into the timeline of attempts: when it began, what became of it, and how long it took."""
        return Entry(self, backend, route)


class Entry:
    """An entry of a request's timeline."""

    def __init__(self, context: RequestContext, backend: str, route: str) -> None:
        self._began = time.monotonic()
        at = _milliseconds(self._began - context.started)
        # what goes on when the request ends is cancelled, by the answer of another attempt
        self._told = {"at_ms": at, "backend": backend, "route": route, "outcome": "cancelled"}
        context.timeline.append(self._told)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        if error is None:
            self._told["outcome"] = "ok"
        elif isinstance(error, Exception):
            self._told["outcome"] = error.type if isinstance(error, ServiceError) else InternalError.type
        self._told["duration_ms"] = _milliseconds(time.monotonic() - self._began)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
