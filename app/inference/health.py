"""The deep health check: what each dependency answers, kept for a few seconds so that it cannot hammer them."""

import threading
import time
from typing import Any

from cachetools import TTLCache

from app.backends.base import Backend
from app.context.call_context import CallContext
from app.context.deadline import REDIS_BUDGET_SECONDS, Deadline
from app.context.request_info import RequestInfo
from app.errors import ServiceError
from app.inference.service import InferenceService
from app.redis_store import RedisStore
from app.upstream.resilience.circuit_breaker import CircuitBreakers

KEPT_SECONDS = 3.0
PROBE_SECONDS = 3.0


class HealthService:
    """Checks the backends, and Redis where it is used."""

    def __init__(
        self, inference: InferenceService, breakers: CircuitBreakers, store: RedisStore, *, needs_keys: bool
    ) -> None:
        self._inference = inference
        self._models = inference.executor.models
        self._breakers = breakers
        self._store = store
        self._access = "keys" if needs_keys else "open"
        self._locks = {name: threading.Lock() for name in self._models.backends}
        self._kept: TTLCache[str, dict[str, Any]] = TTLCache(maxsize=len(self._models.backends), ttl=KEPT_SECONDS)

    def report(self, request_id: str) -> dict[str, Any]:
        """Return status and latency in milliseconds of each dependency, and the breaker states of each backend.

        `access` is `open` where callers need no key. The whole is `healthy`, `degraded` (another one than the primary
        fails) or `unhealthy` (the primary fails).
        """
        checks = {name: self._check(backend, request_id) for name, backend in self._models.backends.items()}
        if self._store.configured:
            checks["redis"] = self._redis()
        failing = {name for name, check in checks.items() if check["status"] != "healthy"}
        status = "degraded" if failing else "healthy"
        if self._models.primary.name in failing:
            status = "unhealthy"
        return {"status": status, "access": self._access, "checks": checks}

    def answers(self, backend: str) -> bool:
        """Tell whether a backend answers, or did some seconds ago."""
        return self._check(self._models.backends[backend], "metrics")["status"] == "healthy"

    def primary_answers(self) -> bool:
        """Tell whether the primary backend answers now."""
        return self._probed(self._models.primary, "readiness")["status"] == "healthy"

    def _redis(self) -> dict[str, Any]:
        started = time.perf_counter()
        status = "healthy" if self._store.ping(REDIS_BUDGET_SECONDS) else "unhealthy"
        return {"status": status, "latency_ms": round((time.perf_counter() - started) * 1000, 1)}

    def _check(self, backend: Backend, request_id: str) -> dict[str, Any]:
        with self._locks[backend.name]:  # callers that come while a probe runs wait for its result
            check = self._kept.get(backend.name)
            if check is None:
                check = self._kept[backend.name] = self._probed(backend, request_id)
        return {**check, "breakers": self._breakers.states(backend.name)}

    def _probed(self, backend: Backend, request_id: str) -> dict[str, Any]:
        started = time.perf_counter()
        context = CallContext(RequestInfo(request_id), Deadline(PROBE_SECONDS), "probe")
        try:
            self._inference.probe(context, backend)
            outcome = {"status": "healthy"}
        except ServiceError as error:
            outcome = {"status": "unhealthy", "type": error.type, "message": error.message}
        return {**outcome, "latency_ms": round((time.perf_counter() - started) * 1000, 1)}
