"""The hooks around every request. Only this file fixes their order."""

from flask import Flask

from app.clients.key_store import ReloadingKeyStore
from app.clients.sliding_window_limiter import SlidingWindowLimiter
from app.config import Config
from app.context.trace import Tracing
from app.observability.metrics.registry import Metrics
from app.redis_store import RedisStore
from app.web.hooks import (
    access_log,
    authentication,
    cors,
    metrics,
    permissions,
    request_id,
    response_headers,
    trusted_hosts,
)
from app.web.hooks.rate_limit import RateLimits
from app.web.route_groups import auth_exempt


def register(
    app: Flask,
    config: Config,
    registry: Metrics,
    tracing: Tracing,
    store: RedisStore,
    keys: ReloadingKeyStore | None,
) -> None:
    """Register all hooks. They run in this order before a request and in the reverse order after it."""
    request_id.init_app(app, config.trusted_proxies, tracing)
    access_log.init_app(app)
    response_headers.init_app(app)
    metrics.init_app(app, registry)
    trusted_hosts.init_app(app, config.trusted_hosts)
    cors.init_app(app, config.cors_origins, credentials=config.cors_credentials)
    limits = RateLimits(config.limits, SlidingWindowLimiter(store), registry.clients)
    exempt = auth_exempt(operators_need_key=config.operator_routes_require_key)
    authentication.init_app(app, keys, exempt, limits.count_failed_auth)
    limits.init_app(app)
    permissions.init_app(app)
