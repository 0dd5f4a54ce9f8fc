"""Upstream calls, and the plans that are made of them.

A backend does no I/O. Each operation returns a plan: a generator that yields upstream calls, receives each parsed
response (or has the error thrown in), and returns the result. `PlanExecutor` runs the plans.
"""

import hashlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson

from app.backends.join import Join
from app.backends.responses.chunk_decoder import MakeDecoder
from app.backends.upstream_response import UpstreamResponse

T = TypeVar("T")

# far above the longest completion; a longer response is rejected
MAX_RESPONSE_BYTES = 8 * 1024**2


@dataclass(slots=True)
class UpstreamRequest(Generic[T]):
    """One upstream call: POST if there is a body, GET otherwise.

    `route` is the upstream route, which has a circuit breaker of its own. `parse` turns a response of any status into
    the result, or raises a ServiceError. `timeout` limits the call, in seconds, within the request's deadline.
    `retryable` allows a retry after a failure. `deterministic` means that equal calls get equal responses. With
    `make_decoder` the response is streamed: the plan receives its UpstreamStream. `model` is the model that is asked,
    None if the upstream chooses it or the call needs none. `added` holds the fields of the body that the service added
    by itself and may take back, each with the client's own value, or None.
    Without `timeout_is_failure` the breaker does not count timeouts. With `join`, calls for several texts may become
    one. `restores` means that `parse` puts values of the client's into the result, which no other request may get.
    """

    backend: str
    route: str
    url: str
    parse: Callable[[UpstreamResponse], T]
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    retryable: bool = True
    deterministic: bool = False
    make_decoder: MakeDecoder | None = None
    timeout_is_failure: bool = True
    max_response_bytes: int = MAX_RESPONSE_BYTES
    model: str | None = None
    added: Mapping[str, Any] = field(default_factory=dict)
    join: Join | None = None
    restores: bool = False

    # in place of functools.cached_property, which takes a lock at each first access before Python 3.12
    _content: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _cache_key: str = field(default="", init=False, repr=False, compare=False)

    @property
    def content(self) -> bytes | None:
        """The request body as bytes, made once."""
        if self._content is None and self.body is not None:
            self._content = orjson.dumps(self.body)
        return self._content

    @property
    def cache_key(self) -> str:
        """The key of the response in caches, made once: a digest, so that keys reveal no text."""
        if not self._cache_key:
            parts = (self.backend.encode(), self.url.encode(), self.content or b"")
            self._cache_key = hashlib.sha256(b"\0".join(parts)).hexdigest()
        return self._cache_key


Plan = Generator[UpstreamRequest[Any], Any, T]
