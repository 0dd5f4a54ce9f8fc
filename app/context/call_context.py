"""The state of one AI operation: its limits, and its result for the log line, metrics and response headers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.backends.types import Usage
from app.context.batch import Batch
from app.context.deadline import Deadline
from app.context.disconnect import ClientConnection
from app.context.request_info import RequestInfo
from app.context.tasks import task_of
from app.context.timeline import Timeline
from app.errors import ClientDisconnected

# in increasing order of work
CACHE_STATUSES = ("hit", "coalesced", "miss", "bypass")
# those of responses for which this request made no upstream call of its own
SHARED_STATUSES = ("hit", "coalesced")


@dataclass(frozen=True)
class CacheControl:
    """The cache directives of the client: whether to answer from the cache, and whether to write to it."""

    read: bool = True
    write: bool = True


@dataclass(slots=True)
class StreamStats:
    """Counts, times and outcome of a stream; times are in seconds from the start of the request.

    A stream that is closed before its end keeps the default outcome: the client disconnected.
    """

    first_event: float = 0.0
    events: int = 0
    end: float = 0.0
    outcome: str = ClientDisconnected.type
    error: str | None = ClientDisconnected.type


@dataclass(slots=True)
class CallContext:
    """One operation of one request, passed down from the endpoint to the upstream client.

    `operation` is the route's, and `task` the operation of the backends that it runs last.
    `outcome` is `ok` or the type of the error; None if no backend was called. `cache` is one of CACHE_STATUSES.
    `requested_model` is the client's name of the model, None if it named none, and `model` the model that was asked
    last. `asked_models` holds backend and name of each. `limit_added` means that the service added a token limit.
    The token counts are those of all upstream calls that this request made itself, None without one. Responses from
    the cache, or from another request's call, add nothing.
    `allowed_models` holds names of the models that may answer, None for all. `batch` is that of one of several texts.
    `source` is the text as sent of an operation on texts, and `personal_data` the kinds and values that redaction has
    found in it, None before it looked.
    """

    request: RequestInfo
    deadline: Deadline
    operation: str
    connection: ClientConnection = field(default_factory=partial(ClientConnection, None))
    cache_control: CacheControl = field(default_factory=CacheControl)
    debug: bool = False
    stream_deadline: Deadline = field(default_factory=partial(Deadline, math.inf))
    allowed_models: frozenset[str] | None = None
    batch: Batch | None = None
    source: str | None = None
    personal_data: Sequence[tuple[str, str]] | None = None

    task: str = field(init=False)
    limit_added: bool = False
    requested_model: str | None = None
    model: str | None = None
    asked_models: set[tuple[str, str]] = field(default_factory=set)
    backend: str | None = None
    fallback: bool = False
    outcome: str | None = None
    cache: str | None = None
    pending_cache_writes: list[tuple[str, bytes]] = field(default_factory=list)
    timeline: Timeline = field(init=False)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    usage_estimated: bool = False
    finish_reasons: Sequence[str | None] = ()
    stream: StreamStats | None = None

    def __post_init__(self) -> None:
        self.task = task_of(self.operation)
        self.timeline = Timeline(self.request.started)

    def add_usage(self, usage: Usage) -> None:
        """Add the tokens of one upstream response. Tokens that are in neither count are added to the completion's."""
        self.prompt_tokens = (self.prompt_tokens or 0) + usage.prompt_tokens
        if (output := usage.output_tokens) is not None:
            self.completion_tokens = (self.completion_tokens or 0) + output
        self.usage_estimated = self.usage_estimated or usage.estimated

    @property
    def total_tokens(self) -> int:
        """The tokens of all upstream calls of this request."""
        return (self.prompt_tokens or 0) + (self.completion_tokens or 0)

    @property
    def tokens_per_second(self) -> float:
        """The rate of a finished stream after its first event; 0 for a stream of one event."""
        if self.stream is None or self.stream.events < 2:
            return 0.0
        return (self.completion_tokens or 0) / (self.stream.end - self.stream.first_event)

    def set_cache_status(self, status: str) -> None:
        """Record the cache status of one upstream call; the status with the most work wins."""
        self.cache = max(status, self.cache or status, key=CACHE_STATUSES.index)

    def with_debug(self, body: Any) -> Any:
        """Return the body, with the timeline of attempts if the client requested it; a list has no place for it."""
        return {**body, "debug": {"attempts": self.timeline.records}} if self.debug and isinstance(body, dict) else body
