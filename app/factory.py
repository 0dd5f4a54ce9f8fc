"""Builds each object of an app once, and hands it to those that need it."""

from collections.abc import Callable
from functools import partial

from flask import Flask

from app import auth, cors, error_handlers, hosts, middleware, permissions
from app.blueprints import OPERATIONS, health
from app.blueprints.scope import Scope
from app.config import Config
from app.context import STORE_SECONDS
from app.keyring import KeyRing
from app.lifecycle import Lifecycle
from app.metrics import Metrics
from app.openapi import routes as openapi
from app.openroutes import keyless
from app.ratelimit import RateLimits
from app.services.answers import Answers
from app.services.breaker import Breakers
from app.services.cache import Cache
from app.services.connections import UpstreamSession
from app.services.health import HealthService
from app.services.hedging import Hedging
from app.services.inference import InferenceService
from app.services.models import Models
from app.services.quotas import Quotas
from app.services.rates import MovingWindows
from app.services.replays import Replays
from app.services.retry import RetryPolicy
from app.services.runner import Runner
from app.services.store import Store
from app.services.streams import StreamLimits
from app.services.upstream import Private, UpstreamClient
from app.tracing import tracing_to
from app.web import App


def build(config: Config) -> Flask:
    """Return the app of these settings."""
    app = App()
    models = Models(config)
    metrics = Metrics(models.known)
    store = Store(config.redis_url.reveal() if config.redis_url else None, metrics.redis_unanswered)
    cache = Cache(store, config.cache_ttl, config.cache_max_bytes)
    breakers = Breakers(config.breaker_failures, config.breaker_failure_rate, store, metrics.upstream)
    inference = InferenceService(Runner(models, Answers(_client(config, breakers, metrics), cache), metrics))
    health_service = HealthService(inference, breakers, store, needs_keys=config.has_keys)
    lifecycle = Lifecycle(health_service.primary_answers if config.backend == "embedded" else lambda: True)

    tracing = tracing_to(config.otel_exporter_otlp_endpoint)
    middleware.init_app(app, config.trusted_proxies, tracing)
    metrics.init_app(app, _dependencies(store, health_service, models))
    _guard(app, config, metrics, store)
    error_handlers.init_app(app)
    app.register_blueprint(health.blueprint(lifecycle, health_service))
    quotas = Quotas(config.limits, config.stream_total_timeout, store, metrics.clients)
    scope = Scope(config, inference, Replays(cache), quotas)
    for operation in OPERATIONS:
        app.register_blueprint(operation.blueprint(scope))
    openapi.init_app(app, keys_required=config.has_keys)
    app.extensions |= {"lifecycle": lifecycle, "models": models, "tracing": tracing}
    return app


def _guard(app: Flask, config: Config, metrics: Metrics, store: Store) -> None:
    """Register what may refuse a request before its view, in this order."""
    hosts.init_app(app, config.trusted_hosts)
    cors.init_app(app, config.cors_origins)
    limits = RateLimits(config.limits, MovingWindows(store), metrics.clients)
    keys = KeyRing(config.api_keys, config.api_keys_file) if config.has_keys else None
    auth.init_app(app, keys, keyless(operators_need_key=config.metrics_require_key), limits.count_failure)
    limits.init_app(app)
    permissions.init_app(app)


def _dependencies(store: Store, health: HealthService, models: Models) -> dict[str, Callable[[], bool]]:
    """Return what the service depends on, beside its remote backends: a scrape may not cost their calls."""
    redis = {"redis": partial(store.answers, STORE_SECONDS)} if store.configured else {}
    engine = {"embedded_engine": partial(health.answers, "embedded")} if "embedded" in models.backends else {}
    return {**redis, **engine}


def _client(config: Config, breakers: Breakers, metrics: Metrics) -> UpstreamClient:
    session = UpstreamSession()
    retries = RetryPolicy(config.huggingface_retry_attempts)
    private = Private(_encoded(config.keys), _encoded(config.hosts))
    hedging = Hedging(config.hedge_after)
    limits = StreamLimits(config.stream_idle_timeout, config.stream_heartbeat)
    places = config.upstream_max_concurrency
    return UpstreamClient(session, breakers, retries, hedging, limits, private, places, metrics.upstream)


def _encoded(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return the texts as they stand in an answer, and as JSON may write them."""
    return tuple(form.encode() for text in texts for form in dict.fromkeys((text, text.replace("/", "\\/"))))
