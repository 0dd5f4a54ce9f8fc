"""Answers to upstream calls: from the cache, from an equal call in flight, or from upstream."""

from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

import orjson

from app.backends.base import Answer, Backend, Call, Generation
from app.context import RequestContext
from app.errors import ServiceError
from app.services.cache import Cache, Kept
from app.services.coalescing import Flights
from app.services.streams import Stream
from app.services.upstream import UpstreamClient

T = TypeVar("T")

# what parsers read beside the body
KEPT_HEADERS = ("content-type", "x-prompt-tokens", "x-generated-tokens")


class Answers:
    """Asks upstream only for what is not known: calls that are deterministic are kept by what is sent upstream."""

    def __init__(self, client: UpstreamClient, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._flights = Flights()

    def to(self, call: Call[T], backend: Backend, context: RequestContext) -> T | Stream:
        """Return the parsed answer of a call, or its stream; raise a ServiceError where there is none.

        Nothing here outlives the request: its deadline and its caller's hang-up end the wait for another's call too.
        """
        shareable = call.reader is None and call.deterministic and context.cache_control.read
        if shareable and (known := self._known(call)) is not None:
            context.note_cache("hit")
            return known
        with context.caller.watched(), context.deadline.enforced(call.within):
            if shareable:
                return self._shared(call, backend, context)
            context.note_cache("bypass")
            if call.reader is not None:
                return self._client.open(call, call.reader, backend, context)
            return self._fresh(call, backend, context)[0]

    def _known(self, call: Call[T]) -> T | None:
        """Return what this process keeps, None where that is nothing of use."""
        kept = cast("Kept | None", self._cache.near(call.key))  # which holds nothing else under such a key
        with suppress(LookupError):
            return None if kept is None else read_kept(call, kept)
        return None

    def _shared(self, call: Call[T], backend: Backend, context: RequestContext) -> T:
        """Take part in the one look for an answer; equal calls may read different things from it."""
        try:
            found, waited = self._flights.run(call.key, lambda: self._found(call, backend, context))
        except ServiceError:
            context.note_cache(context.cache or "coalesced")
            raise
        result, answer = found
        if waited:
            context.note_cache("coalesced")
            return call.parse(answer)
        return result

    def _found(self, call: Call[T], backend: Backend, context: RequestContext) -> tuple[T, Answer]:
        """Look in the store, then ask upstream."""
        try:
            found = _read(call, self._cache.far(call.key, context.store_allowance))
            context.note_cache("hit")
            return found
        except LookupError:
            context.note_cache("miss")
            return self._fresh(call, backend, context)

    def _fresh(self, call: Call[T], backend: Backend, context: RequestContext) -> tuple[T, Answer]:
        """Ask upstream; note the answer to be kept, unless it says no, as to a model's name: it may say yes soon."""
        result, answer = self._client.send(call, backend, context)
        if call.deterministic and context.cache_control.write and answer.status == 200 and result:
            headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
            context.to_keep.append((call.key, Kept(orjson.dumps(headers) + b"\n" + answer.body)))
        return result, answer

    def keep(self, context: RequestContext) -> None:
        """Keep the answers that the operation's result was made of, now that there is one."""
        for key, value in context.to_keep:
            self._cache.put(key, value, context.store_allowance)
        context.to_keep.clear()


def read_kept(call: Call[T], kept: Kept) -> T:
    """Read an answer kept in this process, a short one only once; raise LookupError where it cannot be read."""
    way = _way(call.parse)
    if kept.reading and kept.reading[0] == way:
        read: T = kept.reading[1]
        return read
    result, _ = _read(call, kept)
    if kept.is_short and isinstance(result, Generation):  # which nobody can change
        kept.reading = (way, result)
    return result


def _way(parse: Any) -> Any:
    """Return what is equal for two ways to read that read the same from the same answer."""
    return (parse.func, *map(_way, parse.args), parse.keywords) if isinstance(parse, partial) else parse


def _read(call: Call[T], value: bytes | None) -> tuple[T, Answer]:
    """Read a kept answer; raise LookupError where there is none, or the store holds something else."""
    if value is None:
        raise LookupError
    line, _, body = value.partition(b"\n")
    try:
        answer = Answer(200, _headers(orjson.loads(line)), body)
        result = call.parse(answer)
    except (ServiceError, orjson.JSONDecodeError):
        raise LookupError from None
    if not result:
        raise LookupError
    return result, answer


def _headers(kept: Any) -> dict[str, str]:
    if not isinstance(kept, dict) or not all(isinstance(text, str) for text in kept.values()):
        raise LookupError
    return kept
