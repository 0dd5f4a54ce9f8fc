"""The deep health check of the backends and Redis, with results cached for some seconds to bound the load on them."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from cachetools import TTLCache

from app.backends.base import Backend, Plan
from app.context.call_context import CallContext
from app.context.deadline import REDIS_BUDGET_SECONDS, Deadline
from app.context.request_info import RequestInfo
from app.errors import ServiceError, UpstreamUnavailable
from app.inference.service import InferenceService
from app.redis_store import RedisStore
from app.upstream.resilience.circuit_breaker import CircuitBreakers

CACHE_SECONDS = 3.0
PROBE_TIMEOUT_SECONDS = 3.0


class HealthService:
    """Checks the backends, and Redis if it is configured."""

    def __init__(
        self, inference: InferenceService, breakers: CircuitBreakers, store: RedisStore, *, needs_keys: bool
    ) -> None:
        self._inference = inference
        self._models = inference.executor.models
        self._breakers = breakers
        self._store = store
        self.startup_problem = ""
        self._access = "keys" if needs_keys else "open"
        self._probes = {name: probe for backend in self._models.backends.values() for name, probe in _probes(backend)}
        self._locks = {name: threading.Lock() for name in self._probes}
        self._results: TTLCache[str, dict[str, Any]] = TTLCache(maxsize=len(self._probes), ttl=CACHE_SECONDS)

    def report(self, request_id: str) -> dict[str, Any]:
        """Return status and latency in milliseconds of each dependency, and the breaker states of each backend.

        `access` is `open` if clients need no key. The overall status is `unhealthy` if the primary backend fails, and
        `degraded` if another dependency fails.
        """
        checks = {name: self._check(name, request_id) for name in self._probes}
        if self._store.configured:
            checks["redis"] = self._check_redis()
        failing = {name for name, check in checks.items() if check["status"] != "healthy"}
        status = "degraded" if failing else "healthy"
        if self._models.primary.name in failing:
            status = "unhealthy"
        return {"status": status, "access": self._access, "checks": checks}

    def is_healthy(self, name: str) -> bool:
        """Return whether a backend, or a process beside it, answered the latest check, at most CACHE_SECONDS old."""
        return self._check(name, "metrics")["status"] == "healthy"

    def primary_is_ready(self) -> bool:
        """Return whether the primary backend answers now; if it cannot, `startup_problem` is the reason."""
        result = self._probe(self._models.primary.name, "readiness")
        self.startup_problem = result["message"] if result.get("type") == UpstreamUnavailable.type else ""
        return result["status"] == "healthy"

    def _check(self, name: str, request_id: str) -> dict[str, Any]:
        with self._locks[name]:  # concurrent checks share one probe
            result = self._results.get(name)
            if result is None:
                result = self._results[name] = self._probe(name, request_id)
        return {**result, "breakers": self._breakers.states(name)}

    def _probe(self, name: str, request_id: str) -> dict[str, Any]:
        started = time.perf_counter()
        context = CallContext(RequestInfo(request_id), Deadline(PROBE_TIMEOUT_SECONDS), "probe")
        try:
            backend, probe = self._probes[name]
            self._inference.probe(context, backend, probe())
            result = {"status": "healthy"}
        except ServiceError as error:
            result = {"status": "unhealthy", "type": error.type, "message": error.message}
        return {**result, "latency_ms": _milliseconds_since(started)}

    def _check_redis(self) -> dict[str, Any]:
        started = time.perf_counter()
        status = "healthy" if self._store.ping(REDIS_BUDGET_SECONDS) else "unhealthy"
        return {"status": status, "latency_ms": _milliseconds_since(started)}


def _probes(backend: Backend) -> Iterator[tuple[str, tuple[Backend, Callable[[], Plan[None]]]]]:
    for name, probe in {backend.name: backend.probe, **backend.helpers()}.items():
        yield name, (backend, probe)


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
