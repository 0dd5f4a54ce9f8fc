"""The values of one request that every layer needs: its id, its clock, its trace and its Redis budget."""

import time
from dataclasses import dataclass, field
from functools import partial

from app.context.deadline import REDIS_BUDGET_SECONDS, TimeBudget
from app.context.trace import NO_TRACE, Trace


@dataclass(slots=True)
class RequestInfo:
    """One request. `started` is the only clock of a request: a `time.monotonic()` value in seconds.

    `client_id` is the id of its client; what one client leaves behind in caches and limits is stored under it.
    `redact` holds the kinds of personal data that upstreams must not get.
    """

    id: str
    trace: Trace = NO_TRACE
    started: float = field(default_factory=time.monotonic)
    client_id: str = ""
    redact: frozenset[str] = frozenset()
    redis_budget: TimeBudget = field(default_factory=partial(TimeBudget, REDIS_BUDGET_SECONDS))

    def elapsed(self) -> float:
        """Return the seconds since the request began."""
        return time.monotonic() - self.started
