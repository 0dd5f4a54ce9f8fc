"""Answers to upstream calls: from the cache, from an equal call in flight, or from upstream."""

from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

import orjson

from app.backends.base import Backend, UpstreamRequest, UpstreamResponse
from app.backends.types import Generation
from app.cache.response_cache import CachedBytes, ResponseCache
from app.cache.single_flight import SingleFlight
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.upstream.client import UpstreamClient
from app.upstream.stream import UpstreamStream

T = TypeVar("T")

# what parsers read beside the body
KEPT_HEADERS = ("content-type", "x-prompt-tokens", "x-generated-tokens")


class CachedClient:
    """Asks upstream only for what is not known: calls that are deterministic are kept by what is sent upstream."""

    def __init__(self, client: UpstreamClient, cache: ResponseCache) -> None:
        self._client = client
        self._cache = cache
        self._flights = SingleFlight()

    def send(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> T | UpstreamStream:
        """Return the parsed answer of a call, or its stream; raise a ServiceError where there is none.

        Nothing here outlives the request: its deadline and its caller's hang-up end the wait for another's call too.
        """
        shareable = call.make_decoder is None and call.deterministic and context.cache_control.read
        if shareable and (known := self._known(call)) is not None:
            context.set_cache_status("hit")
            return known
        with context.connection.cancel_on_disconnect(), context.deadline.timeout(call.timeout):
            if shareable:
                return self._shared(call, backend, context)
            context.set_cache_status("bypass")
            if call.make_decoder is not None:
                return self._client.open(call, call.make_decoder, backend, context)
            return self._fresh(call, backend, context)[0]

    def _known(self, call: UpstreamRequest[T]) -> T | None:
        """Return what this process keeps, None where that is nothing of use."""
        kept = cast(
            "CachedBytes | None", self._cache.get_local(call.cache_key)
        )  # which holds nothing else under such a key
        with suppress(LookupError):
            return None if kept is None else parse_cached(call, kept)
        return None

    def _shared(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> T:
        """Take part in the one look for an answer; equal calls may read different things from it."""
        try:
            found, waited = self._flights.do(call.cache_key, lambda: self._found(call, backend, context))
        except ServiceError:
            context.set_cache_status(context.cache or "coalesced")
            raise
        result, answer = found
        if waited:
            context.set_cache_status("coalesced")
            return call.parse(answer)
        return result

    def _found(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> tuple[T, UpstreamResponse]:
        """Look in the store, then ask upstream."""
        try:
            found = _read(call, self._cache.get_shared(call.cache_key, context.request.redis_budget))
            context.set_cache_status("hit")
            return found
        except LookupError:
            context.set_cache_status("miss")
            return self._fresh(call, backend, context)

    def _fresh(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> tuple[T, UpstreamResponse]:
        """Ask upstream; note the answer to be kept, unless it says no, as to a model's name: it may say yes soon."""
        result, answer = self._client.send(call, backend, context)
        if call.deterministic and context.cache_control.write and answer.status == 200 and result:
            headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
            context.pending_cache_writes.append(
                (call.cache_key, CachedBytes(orjson.dumps(headers) + b"\n" + answer.body))
            )
        return result, answer

    def commit(self, context: CallContext) -> None:
        """Keep the answers that the operation's result was made of, now that there is one."""
        for key, value in context.pending_cache_writes:
            self._cache.set(key, value, context.request.redis_budget)
        context.pending_cache_writes.clear()


def parse_cached(call: UpstreamRequest[T], kept: CachedBytes) -> T:
    """Read an answer kept in this process, a short one only once; raise LookupError where it cannot be read."""
    way = _way(call.parse)
    if kept.parsed and kept.parsed[0] == way:
        read: T = kept.parsed[1]
        return read
    result, _ = _read(call, kept)
    if kept.is_short and isinstance(result, Generation):  # which nobody can change
        kept.parsed = (way, result)
    return result


def _way(parse: Any) -> Any:
    """Return what is equal for two ways to read that read the same from the same answer."""
    return (parse.func, *map(_way, parse.args), parse.keywords) if isinstance(parse, partial) else parse


def _read(call: UpstreamRequest[T], value: bytes | None) -> tuple[T, UpstreamResponse]:
    """Read a kept answer; raise LookupError where there is none, or the store holds something else."""
    if value is None:
        raise LookupError
    line, _, body = value.partition(b"\n")
    try:
        answer = UpstreamResponse(200, _headers(orjson.loads(line)), body)
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
