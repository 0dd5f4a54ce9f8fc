"""Idempotency keys: a request that is sent again is answered as it was, and not made twice."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from app.context import RequestContext
from app.errors import IdempotencyKeyReused
from app.services.cache import Cache
from app.services.coalescing import Flights


@dataclass(frozen=True)
class Replay:
    """A kept answer, what was asked, and who answered."""

    fingerprint: str
    answer: dict[str, Any]
    backend: str | None
    model: str | None
    fallback: bool


class Replays:
    """Answers by Idempotency-Key, kept in the cache for its time. Errors are not: they are worth another try."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._flights = Flights()
        self._in_flight: dict[str, str] = {}

    def once(
        self, key: str, body: dict[str, Any], context: RequestContext, answer: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the answer given to this key, or make it now; a key belongs to one client and operation.

        Raises IdempotencyKeyReused where it came before with another body.
        """
        name = _digest([context.client, context.operation, key])
        fingerprint = _digest(body)
        if self._in_flight.get(name, fingerprint) != fingerprint:
            raise IdempotencyKeyReused
        replay = self._kept(name, context)
        if replay is not None:
            return _repeated(replay, fingerprint, context, "hit")
        with context.caller.watched(), context.deadline.enforced():
            made, waited = self._flights.run(name, lambda: self._first(name, fingerprint, context, answer))
        if waited:
            return _repeated(made, fingerprint, context, "coalesced")
        self._cache.put(name, orjson.dumps(asdict(made)), context.store_allowance)
        return made.answer

    def _first(
        self, name: str, fingerprint: str, context: RequestContext, answer: Callable[[], dict[str, Any]]
    ) -> Replay:
        self._in_flight[name] = fingerprint
        try:
            return Replay(fingerprint, answer(), context.backend, context.model, context.fallback)
        finally:
            del self._in_flight[name]

    def _kept(self, name: str, context: RequestContext) -> Replay | None:
        value = self._cache.near(name) or self._cache.far(name, context.store_allowance)
        try:
            return None if value is None else Replay(**orjson.loads(value))
        except (orjson.JSONDecodeError, TypeError):  # the store holds something else
            return None


def _repeated(replay: Replay, fingerprint: str, context: RequestContext, outcome: str) -> dict[str, Any]:
    if replay.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    context.backend, context.model, context.fallback = replay.backend, replay.model, replay.fallback
    context.note_cache(outcome)
    return replay.answer


def _digest(facts: Any) -> str:
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()
