"""The composition root: builds each object of an app once and passes it to its users."""

from collections.abc import Callable
from functools import partial

from flask import Flask

from app.cache.response_cache import ResponseCache
from app.clients.key_store import ReloadingKeyStore
from app.clients.quotas import Quotas
from app.config import Config
from app.context.deadline import REDIS_BUDGET_SECONDS
from app.inference.adaptive_client import AdaptiveClient
from app.inference.cached_client import CachedClient
from app.inference.health import HealthService
from app.inference.idempotency import IdempotencyStore
from app.inference.joining_client import JoiningClient
from app.inference.model_router import ModelRouter
from app.inference.plan_executor import PlanExecutor
from app.inference.redaction.client import RedactingClient
from app.inference.service import InferenceService
from app.inference.text_runner import TextRunner
from app.lifecycle import Lifecycle
from app.observability.metrics.registry import Metrics
from app.observability.tracing.setup import create_tracing
from app.openapi import routes as openapi
from app.operations import OPERATIONS
from app.operations import health as health_routes
from app.operations import metrics as metrics_route
from app.operations.endpoint import OperationEndpoint
from app.redis_store import RedisStore
from app.upstream.client import UpstreamClient
from app.upstream.redaction import Redactor
from app.upstream.resilience.bulkhead import Bulkheads
from app.upstream.resilience.circuit_breaker import CircuitBreakers
from app.upstream.resilience.hedging import Hedging
from app.upstream.resilience.policies import Resilience
from app.upstream.resilience.retry import RetryPolicy
from app.upstream.stream import StreamLimits
from app.upstream.transport.session import UpstreamSession
from app.web import error_handlers, hooks
from app.web.body_budget import BodyBudget
from app.web.flask_app import App


def build(config: Config) -> Flask:
    """Return the app for these settings."""
    app = App()
    models = ModelRouter(config)
    metrics = Metrics(models.known)
    store = RedisStore(config.redis_url.reveal() if config.redis_url else None, metrics.redis_error)
    cache = ResponseCache(store, config.cache_ttl, config.cache_max_bytes)
    breakers = CircuitBreakers(config.breaker_failures, config.breaker_failure_rate, store, metrics.upstream)
    client = _upstream_client(config, breakers, metrics)
    cached = CachedClient(JoiningClient(client, config.texts_concurrency), cache, shared=config.cache_scope == "shared")
    adaptive = AdaptiveClient(cached, metrics.upstream.record_removed_field)
    redacting = RedactingClient(adaptive, metrics.operations.record_redacted)
    inference = InferenceService(PlanExecutor(models, redacting, metrics))
    health = HealthService(inference, breakers, store, needs_keys=config.has_keys)
    has_started = health.primary_is_ready if config.backend == "embedded" else lambda: True
    lifecycle = Lifecycle(has_started, lambda: health.startup_problem)
    tracing = create_tracing(config.otel_exporter_otlp_endpoint)
    quotas = Quotas(config.limits, config.stream_total_timeout, store, metrics.clients)

    keys = ReloadingKeyStore(config.api_keys, config.api_keys_file) if config.has_keys else None
    metrics.watch(_dependencies(store, health, models), keys.file_is_valid if keys else lambda: True)
    hooks.register(app, config, metrics, tracing, store, keys)
    error_handlers.init_app(app)
    _register_routes(app, metrics, health, lifecycle)
    body_budget = BodyBudget(config.max_body_bytes, config.server_read_timeout)
    texts = TextRunner(config.huggingface_timeout, metrics.operations.record_text)
    endpoint = OperationEndpoint(config, inference, IdempotencyStore(cache), quotas, body_budget, texts)
    _register_operations(app, endpoint)
    openapi.init_app(app, keys_required=config.has_keys)
    app.extensions |= {"health": health, "lifecycle": lifecycle, "models": models, "tracing": tracing, "client": client}
    return app


def _register_routes(app: Flask, metrics: Metrics, health: HealthService, lifecycle: Lifecycle) -> None:
    app.register_blueprint(health_routes.blueprint(lifecycle, health))
    app.register_blueprint(metrics_route.blueprint(metrics))


def _register_operations(app: Flask, endpoint: OperationEndpoint) -> None:
    for operation in OPERATIONS:
        app.register_blueprint(operation.blueprint(endpoint))


def _dependencies(store: RedisStore, health: HealthService, models: ModelRouter) -> dict[str, Callable[[], bool]]:
    """Return the checks of each scrape. Remote backends are left out, because their calls may cost money."""
    redis = {"redis": partial(store.ping, REDIS_BUDGET_SECONDS)} if store.configured else {}
    embedded = models.backends.get("embedded")
    parts = {"embedded_engine": "embedded", **{name: name for name in embedded.helpers()}} if embedded else {}
    return {**redis, **{name: partial(health.is_healthy, check) for name, check in parts.items()}}


def _upstream_client(config: Config, breakers: CircuitBreakers, metrics: Metrics) -> UpstreamClient:
    bulkheads = Bulkheads(config.upstream_max_concurrency, metrics.upstream)
    retries = RetryPolicy(config.huggingface_retry_attempts)
    resilience = Resilience(breakers, bulkheads, retries, Hedging(config.hedge_after))
    redactor = Redactor.of(config.keys, config.hosts)
    limits = StreamLimits(config.stream_idle_timeout, config.stream_heartbeat)
    return UpstreamClient(UpstreamSession(), resilience, redactor, limits)
