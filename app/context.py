"""What travels with one request below the blueprints: its id, its deadline, and the facts for its log line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import gevent

from app.caller import Caller
from app.errors import UpstreamTimeout


class Deadline:
    """The moment, `seconds` from now, by which a request is answered, whatever an upstream does."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, zero when the deadline has passed."""
        return max(0.0, self._end - time.monotonic())

    @contextmanager
    def enforced(self, within: float | None = None) -> Iterator[None]:
        """Raise UpstreamTimeout in the block when the deadline passes, or `within` seconds if that is sooner.

        Socket timeouts bound one read each, so an upstream that drips bytes outlives any of them; this does not.
        """
        seconds = self.remaining() if within is None else min(within, self.remaining())
        with gevent.Timeout(seconds, UpstreamTimeout()):
            yield


@dataclass
class RequestContext:
    """One request: filled in on the way down, read by the log line and the answer."""

    request_id: str
    deadline: Deadline
    operation: str
    caller: Caller = field(default_factory=partial(Caller, None))
    model: str | None = None
    backend: str | None = None
    fallback: bool = False
    attempts: int = 0
    queue_seconds: float = 0.0
    upstream_seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
