"""Idempotency keys: a request that is sent again is answered as it was, and not made twice."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from app.cache.response_cache import ResponseCache
from app.cache.single_flight import SingleFlight
from app.clients.identity import ClientIdentity
from app.context.call_context import CallContext
from app.errors import IdempotencyKeyReused


@dataclass(frozen=True)
class IdempotentResult:
    """A kept answer, what was asked, and who answered."""

    fingerprint: str
    answer: dict[str, Any]
    backend: str | None
    model: str | None
    fallback: bool


class IdempotencyStore:
    """Answers by Idempotency-Key, kept in the cache for its time. Errors are not: they are worth another try."""

    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache
        self._flights = SingleFlight()
        self._in_flight: dict[str, str] = {}

    def run_once(
        self,
        key: str,
        client: ClientIdentity,
        body: dict[str, Any],
        context: CallContext,
        answer: Callable[[], dict[str, Any]],
    ) -> dict[str, Any]:
        """Return the answer given to this key, or make it now; a key belongs to one client and operation.

        Raises IdempotencyKeyReused where it came before with another body.
        """
        name = _digest([client.key.name if client.key else None, context.operation, key])
        fingerprint = _digest(body)
        if self._in_flight.get(name, fingerprint) != fingerprint:
            raise IdempotencyKeyReused
        replay = self._kept(name, context)
        if replay is not None:
            return _repeated(replay, fingerprint, context, "hit")
        with context.connection.cancel_on_disconnect(), context.deadline.timeout():
            made, waited = self._flights.do(name, lambda: self._first(name, fingerprint, context, answer))
        if waited:
            return _repeated(made, fingerprint, context, "coalesced")
        self._cache.set(name, orjson.dumps(asdict(made)), context.request.redis_budget)
        return made.answer

    def _first(
        self, name: str, fingerprint: str, context: CallContext, answer: Callable[[], dict[str, Any]]
    ) -> IdempotentResult:
        self._in_flight[name] = fingerprint
        try:
            return IdempotentResult(fingerprint, answer(), context.backend, context.model, context.fallback)
        finally:
            del self._in_flight[name]

    def _kept(self, name: str, context: CallContext) -> IdempotentResult | None:
        value = self._cache.get_local(name) or self._cache.get_shared(name, context.request.redis_budget)
        try:
            return None if value is None else IdempotentResult(**orjson.loads(value))
        except (orjson.JSONDecodeError, TypeError):  # the store holds something else
            return None


def _repeated(replay: IdempotentResult, fingerprint: str, context: CallContext, outcome: str) -> dict[str, Any]:
    if replay.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    context.backend, context.model, context.fallback = replay.backend, replay.model, replay.fallback
    context.set_cache_status(outcome)
    return replay.answer


def _digest(facts: Any) -> str:
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()
