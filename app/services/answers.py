"""Answers to upstream calls: from the cache, from an equal call in flight, or from upstream."""

import hashlib
from typing import Any, TypeVar

from app.backends.base import Answer, Backend, Call
from app.context import RequestContext
from app.errors import ServiceError
from app.services.cache import Cache
from app.services.coalescing import Flights
from app.services.upstream import UpstreamClient

T = TypeVar("T")


class Answers:
    """Asks upstream only for what is not known: calls that are deterministic are kept by what is sent upstream."""

    def __init__(self, client: UpstreamClient, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._flights = Flights()

    def to(self, call: Call[T], backend: Backend, context: RequestContext) -> T:
        """Return the parsed answer of a call; raise a ServiceError where there is none.

        Nothing here outlives the request: its deadline and its caller's hang-up end the wait for another's call too.
        """
        with context.caller.watched(), context.deadline.enforced(call.within):
            if not call.deterministic or not context.cache_control.read:
                context.note_cache("bypass")
                return self._fresh(call, backend, context)
            key = _key(call)
            try:
                result, outcome = _read(call, self._cache.near(key)), "hit"
            except LookupError:
                (result, outcome), waited = self._flights.run(key, lambda: self._found(key, call, backend, context))
                outcome = "coalesced" if waited else outcome
            context.note_cache(outcome)
            return result

    def _found(self, key: str, call: Call[T], backend: Backend, context: RequestContext) -> tuple[T, str]:
        """Look in the store, then ask upstream; return what became of the look as well."""
        try:
            return _read(call, self._cache.far(key, context.store_allowance)), "hit"
        except LookupError:
            return self._fresh(call, backend, context), "miss"

    def _fresh(self, call: Call[T], backend: Backend, context: RequestContext) -> T:
        """Ask upstream and keep the answer, unless it says no, such as to a model's name: it may say yes next time."""
        result, answer = self._client.send(call, backend, context)
        if call.deterministic and context.cache_control.write and answer.status == 200 and result:
            value = answer.media_type.encode() + b"\n" + answer.body
            self._cache.put(_key(call), value, context.store_allowance)
        return result


def _read(call: Call[T], value: bytes | None) -> T:
    """Read a kept answer; raise LookupError where there is none, or the store holds something else."""
    if value is None:
        raise LookupError
    media_type, _, body = value.partition(b"\n")
    try:
        result = call.parse(Answer(200, {"content-type": media_type.decode()}, body))
    except (ServiceError, UnicodeDecodeError):
        raise LookupError from None
    if not result:
        raise LookupError
    return result


def _key(call: Call[Any]) -> str:
    """Return the key of what is sent; a digest, so that the store's keys tell no texts."""
    return hashlib.sha256(b"\0".join((call.backend.encode(), call.url.encode(), call.content or b""))).hexdigest()
