"""Idempotency keys: a repeated request gets the response of the first one and does not run again."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import orjson

from app.cache.response_cache import ResponseCache
from app.cache.single_flight import SingleFlight
from app.clients.identity import ClientIdentity
from app.context.call_context import CallContext
from app.errors import IdempotencyKeyReused


@dataclass(frozen=True)
class IdempotentResult:
    """A stored response, a digest of its request body, and the target that answered."""

    # The names of these fields are the format in Redis, which replicas of two versions share during an update.
    fingerprint: str
    answer: dict[str, Any]
    backend: str | None
    model: str | None
    fallback: bool


class IdempotencyStore:
    """Responses by Idempotency-Key, stored in the cache for its TTL. Errors are not stored: a retry may succeed."""

    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache
        self._flights = SingleFlight()
        self._fingerprints: dict[str, str] = {}

    def run_once(
        self,
        key: str,
        client: ClientIdentity,
        body: dict[str, Any],
        context: CallContext,
        run: Callable[[], dict[str, Any]],
    ) -> dict[str, Any]:
        """Return the stored response of this key, or run the operation now; keys are scoped by client and operation.

        Raises IdempotencyKeyReused if the key came with another body before.
        """
        name = _digest([client.id, context.operation, key])
        fingerprint = _digest(body)
        # compared before waiting, so that a request with another body fails at once
        if self._fingerprints.get(name, fingerprint) != fingerprint:
            raise IdempotencyKeyReused
        stored = self._load(name, context)
        if stored is not None:
            return _replay(stored, fingerprint, context, "hit")
        # Only a wait is interrupted here. `run` limits its own calls, and its reservation of tokens must not be lost.
        waiting = partial(_until_request_ends, context)
        result, waited = self._flights.do(name, lambda: self._run(name, fingerprint, context, run), waiting)
        if waited:
            return _replay(result, fingerprint, context, "coalesced")
        self._cache.set(name, orjson.dumps(asdict(result)), context.request.redis_budget, client.id)
        return result.answer

    def _run(
        self, name: str, fingerprint: str, context: CallContext, run: Callable[[], dict[str, Any]]
    ) -> IdempotentResult:
        self._fingerprints[name] = fingerprint
        try:
            return IdempotentResult(fingerprint, run(), context.backend, context.model, context.fallback)
        finally:
            del self._fingerprints[name]

    def _load(self, name: str, context: CallContext) -> IdempotentResult | None:
        value = self._cache.get_local(name) or self._cache.get_shared(name, context.request.redis_budget)
        try:
            return None if value is None else IdempotentResult(**orjson.loads(value))
        except (orjson.JSONDecodeError, TypeError):
            # the value in Redis comes from another writer
            return None


@contextmanager
def _until_request_ends(context: CallContext) -> Iterator[None]:
    """Raise a ServiceError in the block when the client disconnects or the deadline of its request passes."""
    with context.connection.cancel_on_disconnect(), context.deadline.timeout():
        yield


def _replay(stored: IdempotentResult, fingerprint: str, context: CallContext, cache_status: str) -> dict[str, Any]:
    if stored.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    context.backend, context.model, context.fallback = stored.backend, stored.model, stored.fallback
    context.set_cache_status(cache_status)
    return stored.answer


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
