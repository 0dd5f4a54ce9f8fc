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
                result, answer = self._client.send(call, backend, context)
                self._keep(call, result, answer, context)
                return result
            try:
                result = _read(call, self._cache.near(_key(call)))
                context.note_cache("hit")
                return result
            except LookupError:
                return self._shared(call, backend, context)

    def _shared(self, call: Call[T], backend: Backend, context: RequestContext) -> T:
        """Take part in the one look for an answer; equal calls may read different things from it."""
        found, waited = self._flights.run(_key(call), lambda: self._found(call, backend, context))
        result, answer, outcome = found
        if waited:
            context.note_cache("coalesced")
            return call.parse(answer)
        context.note_cache(outcome)
        if outcome == "miss":
            self._keep(call, result, answer, context)
        return result

    def _found(self, call: Call[T], backend: Backend, context: RequestContext) -> tuple[T, Answer, str]:
        """Look in the store, then ask upstream; return the outcome of the look as well."""
        value = self._cache.far(_key(call), context.store_allowance)
        try:
            return _read(call, value), _answer(value or b""), "hit"
        except LookupError:
            return *self._client.send(call, backend, context), "miss"

    def _keep(self, call: Call[T], result: T, answer: Answer, context: RequestContext) -> None:
        """Keep an answer, unless it says no, such as to a model's name: it may say yes next time."""
        if call.deterministic and context.cache_control.write and answer.status == 200 and result:
            value = answer.media_type.encode() + b"\n" + answer.body
            self._cache.put(_key(call), value, context.store_allowance)


def _read(call: Call[T], value: bytes | None) -> T:
    """Read a kept answer; raise LookupError where there is none, or the store holds something else."""
    if value is None:
        raise LookupError
    try:
        result = call.parse(_answer(value))
    except ServiceError:
        raise LookupError from None
    if not result:
        raise LookupError
    return result


def _answer(value: bytes) -> Answer:
    media_type, _, body = value.partition(b"\n")
    return Answer(200, {"content-type": media_type.decode("ascii", "replace")}, body)


def _key(call: Call[Any]) -> str:
    """Return the key of what is sent; a digest, so that the store's keys tell no texts."""
    return hashlib.sha256(b"\0".join((call.backend.encode(), call.url.encode(), call.content or b""))).hexdigest()
