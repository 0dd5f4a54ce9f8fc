"""Answers upstream calls from the cache, from an identical call in flight, or from the upstream."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

import orjson

from app.backends.base import Backend, UpstreamRequest, UpstreamResponse
from app.backends.types import Generation
from app.cache.response_cache import CachedBytes, ResponseCache
from app.cache.single_flight import SingleFlight
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.inference.joining_client import JoiningClient
from app.upstream.stream import UpstreamStream

T = TypeVar("T")

# headers that parsers read
CACHED_HEADERS = ("content-type", "x-compute-tokens", "x-generated-tokens", "x-prompt-tokens")


class CachedClient:
    """Sends upstream calls and caches the responses of deterministic ones, keyed by the request sent upstream.

    Clients share cached responses and calls in flight only with `shared`; a shared response would show one client,
    by its header or its speed, that another client has sent the same text.
    """

    def __init__(self, client: JoiningClient, cache: ResponseCache, *, shared: bool = False) -> None:
        self._client = client
        self._cache = cache
        self._shared = shared
        self._flights = SingleFlight()

    def send(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> T | UpstreamStream:
        """Return the parsed response of a call, or its stream. Raises ServiceError if there is none."""
        cacheable = call.make_decoder is None and call.deterministic and context.cache_control.read
        if cacheable and (hit := self._local_hit(call, context)) is not None:
            context.set_cache_status("hit")
            return hit
        # these end the wait for the same call of another request too
        with context.connection.cancel_on_disconnect(), context.deadline.timeout(call.timeout):
            if cacheable:
                return self._send_coalesced(call, backend, context)
            context.set_cache_status("bypass")
            if call.make_decoder is not None:
                return self._client.open(call, call.make_decoder, backend, context)
            return self._fetch(call, backend, context)[0]

    def commit(self, context: CallContext) -> None:
        """Cache the responses of a finished operation.

        A response that its operation could not use is never committed.
        """
        for key, value in context.pending_cache_writes:
            self._cache.set(key, value, context.request.redis_budget, context.request.client_id)
        context.pending_cache_writes.clear()

    def _key(self, call: UpstreamRequest[Any], context: CallContext) -> str:
        """Return the key of a call's response within its scope; clients without `shared` have a scope each."""
        return call.cache_key if self._shared else f"{call.cache_key}:{context.request.client_id}"

    def _local_hit(self, call: UpstreamRequest[T], context: CallContext) -> T | None:
        """Return the result cached in this process, or None if there is none that this call can use."""
        cached = self._cache.get_local(self._key(call, context))
        if cached is None:
            return None
        try:
            return parse_cached(call, cast("CachedBytes", cached))  # `_fetch` writes no other type under these keys
        except LookupError:
            return None

    def _send_coalesced(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> T:
        """Share one call among concurrent requests; each parses the response itself, as its operation needs it."""
        try:
            key = self._key(call, context)
            found, waited = self._flights.do(key, lambda: self._shared_hit_or_fetch(call, backend, context))
        except ServiceError:
            context.set_cache_status(context.cache or "coalesced")
            raise
        result, response = found
        if waited:
            context.set_cache_status("coalesced")
            return call.parse(response)
        return result

    def _shared_hit_or_fetch(
        self, call: UpstreamRequest[T], backend: Backend, context: CallContext
    ) -> tuple[T, UpstreamResponse]:
        """Return the result and response from Redis, or from the upstream."""
        try:
            found = _parse(call, self._cache.get_shared(self._key(call, context), context.request.redis_budget))
            context.set_cache_status("hit")
            return found
        except LookupError:
            context.set_cache_status("miss")
            return self._fetch(call, backend, context)

    def _fetch(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> tuple[T, UpstreamResponse]:
        """Return the result and response from the upstream.

        Queue the response for caching unless the result is falsy (for example an unknown model, which may exist soon).
        """
        result, response = self._client.send(call, backend, context)
        if call.deterministic and context.cache_control.write and response.status == 200 and result:
            headers = {name: response.headers[name] for name in CACHED_HEADERS if name in response.headers}
            value = CachedBytes(orjson.dumps(headers) + b"\n" + response.body)
            context.pending_cache_writes.append((self._key(call, context), value))
        return result, response


def parse_cached(call: UpstreamRequest[T], cached: CachedBytes) -> T:
    """Return the result of a cached response, parsing a short one only once. Raises LookupError if it is unusable."""
    parser = _parser_identity(call.parse)
    if cached.parsed and cached.parsed[0] == parser:
        stored: T = cached.parsed[1]
        return stored
    result, _ = _parse(call, cached)
    if (
        cached.may_store_parsed and not call.restores and isinstance(result, Generation)
    ):  # immutable, so requests can share it
        cached.parsed = (parser, result)
    return result


def _parser_identity(parse: Callable[..., Any]) -> Any:
    """Return a value that is equal for parsers with equal functions and arguments: partials compare by identity."""
    if isinstance(parse, partial):
        return parse.func, *map(_parser_identity, parse.args), parse.keywords
    return parse


def _parse(call: UpstreamRequest[T], value: bytes | None) -> tuple[T, UpstreamResponse]:
    """Return the result and response of a cached value. Raises LookupError if it is None or unusable."""
    if value is None:
        raise LookupError
    head, _, body = value.partition(b"\n")
    try:
        response = UpstreamResponse(200, _require_headers(orjson.loads(head)), body)
        result = call.parse(response)
    except (ServiceError, orjson.JSONDecodeError):
        raise LookupError from None
    if not result:
        raise LookupError
    return result, response


def _require_headers(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise LookupError
    return value
