"""Limits the requests of each client in a sliding window, with Flask-Limiter's limits over a storage of ours."""

import math
from collections.abc import Mapping
from typing import Any, cast

from flask import Flask
from flask_limiter import Limiter
from limits.storage import MemoryStorage

from app.clients.identity import ClientIdentity
from app.clients.sliding_window_limiter import SlidingWindowLimiter
from app.config.client_limits import DEFAULT_RATE_LIMIT
from app.errors import RateLimitExceeded
from app.observability.metrics.clients import ClientMetrics
from app.web.rate import parse_rate, rate_key
from app.web.request_state import request_state
from app.web.response import Response
from app.web.route_groups import RATE_LIMIT_EXEMPT

NAME = "rate_limit"
FAILED_AUTH = "failed_keys"


class _LimiterStorage(MemoryStorage):
    """Flask-Limiter's storage over SlidingWindowLimiter. Only `acquire_entry` is used."""

    STORAGE_SCHEME = ["ai-huggingface"]  # noqa: RUF012 - as the library declares it

    def __init__(self, uri: str, *, windows: SlidingWindowLimiter, **_options: Any) -> None:
        super().__init__(uri)
        self._windows = windows

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count the request and return whether it is allowed; it is if Redis does not answer."""
        state = request_state()
        decision = self._windows.hit(key, limit, expiry, state.info.redis_budget)
        state.rate_limit_decision = decision
        return decision is None or decision.allowed


class RateLimits:
    """The request limit of each client: that of its key, else that of the settings."""

    def __init__(self, limits: Mapping[str, Any], windows: SlidingWindowLimiter, metrics: ClientMetrics) -> None:
        self._limits = limits
        self._windows = windows
        self._metrics = metrics

    def init_app(self, app: Flask) -> None:
        """Register the hooks, which must run after authentication."""
        limiter = Limiter(
            key_func=lambda: request_state().client.id,
            strategy="moving-window",
            storage_uri="ai-huggingface://",
            storage_options={"windows": self._windows},  # type: ignore[dict-item]  # passed to the storage unchanged
        )
        # Flask-Limiter registers no hooks for a limiter that is in this set. Its hooks look for limits of routes,
        # blueprints and methods at each request; there is one limit for all routes here
        app.extensions["limiter"] = {limiter}
        limiter.init_app(app)
        self._storage = cast("_LimiterStorage", limiter.storage)
        app.before_request(self._check)
        app.after_request(self._add_headers)

    def count_failed_auth(self, client: ClientIdentity) -> None:
        """Count a request without a known key for its address; raise RateLimitExceeded above the limit."""
        # RATE_LIMIT=none must not allow unlimited guesses of keys
        rate = parse_rate(self._limits[NAME] or DEFAULT_RATE_LIMIT)
        key = rate.item.key_for("failed", client.id)
        decision = self._windows.hit(key, rate.amount, rate.seconds, request_state().info.redis_budget)
        if decision is not None and not decision.allowed:
            self._metrics.record_rate_limited(client.label, FAILED_AUTH)
            raise RateLimitExceeded.for_failed_keys(decision.wait)

    def _check(self) -> None:
        state = request_state()
        if state.matches_or_unrouted(RATE_LIMIT_EXEMPT):
            return
        client = state.client
        limit = client.limits.get(NAME, self._limits[NAME])
        if limit is None:
            return
        state.rate_limit = rate = parse_rate(limit)
        # same as the strategy's `hit`, which builds the key anew for each request
        allowed = self._storage.acquire_entry(rate_key(limit, client.id), rate.amount, rate.seconds)
        if not allowed and state.rate_limit_decision:
            self._metrics.record_rate_limited(client.label, NAME)
            wait = state.rate_limit_decision.wait
            raise RateLimitExceeded.for_requests(str(rate.item), rate.amount, rate.seconds, wait)

    def _add_headers(self, response: Response) -> Response:
        """Add the headers of draft-ietf-httpapi-ratelimit-headers, and three older ones that most clients read."""
        state = request_state()
        if (decision := state.rate_limit_decision) is None:
            return response
        rate, wait = state.rate_limit, math.ceil(decision.wait)
        remaining = rate.amount - decision.count
        response.late_headers += (
            ("RateLimit-Policy", rate.policy),
            ("RateLimit", f'"requests";r={remaining};t={wait}'),
            ("RateLimit-Limit", str(rate.amount)),
            ("RateLimit-Remaining", str(remaining)),
            ("RateLimit-Reset", str(wait)),
        )
        return response
