"""Limits the rate of requests of each client, with Flask-Limiter over sliding windows that Redis can share."""

import math
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, cast

from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage

from app.clients.identity import ClientIdentity
from app.clients.sliding_window_limiter import SlidingWindowLimiter
from app.config.client_limits import DEFAULT_RATE_LIMIT
from app.errors import RateLimitExceeded
from app.observability.metrics.clients import ClientMetrics
from app.web.request_state import request_state
from app.web.response import Response
from app.web.route_groups import RATE_LIMIT_EXEMPT

NAME = "rate_limit"


class _Storage(MemoryStorage):
    """Flask-Limiter's storage interface over our limiter; only `acquire_entry` is used."""

    STORAGE_SCHEME = ["ai-huggingface"]  # noqa: RUF012 - as the library declares it

    def __init__(self, uri: str, *, limiter: SlidingWindowLimiter, **_options: Any) -> None:
        super().__init__(uri)
        self._limiter = limiter

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count the request; return whether it is allowed, which it also is if Redis does not respond."""
        state = request_state()
        decision = self._limiter.hit(key, limit, expiry, state.info.redis_budget)
        state.rate_limit_decision = decision
        return decision is None or decision.allowed


class RateLimits:
    """Limits the requests of each client to the rate of its API key, or to RATE_LIMIT."""

    def __init__(self, limits: Mapping[str, Any], limiter: SlidingWindowLimiter, metrics: ClientMetrics) -> None:
        self._limits = limits
        self._limiter = limiter
        self._metrics = metrics

    def init_app(self, app: Flask) -> None:
        """Register the hooks, which need `request_state().client`."""
        limiter = Limiter(
            key_func=lambda: request_state().client.id,
            strategy="moving-window",
            storage_uri="ai-huggingface://",
            storage_options={"limiter": self._limiter},  # type: ignore[dict-item]  # passed to _Storage as it is
        )
        # with this entry the library registers no hooks of its own, which would look for limits of routes, blueprints
        # and methods at each request
        app.extensions["limiter"] = {limiter}
        limiter.init_app(app)
        self._storage = cast("_Storage", limiter.storage)
        app.before_request(self._check)
        app.after_request(self._add_headers)

    def count_failed_auth(self, client: ClientIdentity) -> None:
        """Count a request without a valid API key against its address; raise RateLimitExceeded if over the limit."""
        # RATE_LIMIT=none must not allow unlimited guesses of keys
        rate = _parsed(self._limits[NAME] or DEFAULT_RATE_LIMIT)
        key = rate.key_for("failed", client.id)
        decision = self._limiter.hit(key, rate.amount, rate.get_expiry(), request_state().info.redis_budget)
        if decision is not None and not decision.allowed:
            self._metrics.record_rate_limited(client.label, "failed_keys")
            raise RateLimitExceeded.for_failed_keys(decision.wait)

    def _check(self) -> None:
        state = request_state()
        if state.matches_or_unrouted(RATE_LIMIT_EXEMPT):
            return
        client = state.client
        limit = client.limits.get(NAME, self._limits[NAME])
        if limit is None:
            return
        state.rate_limit = rate = _parsed(limit)
        # the library's strategy does the same, but builds the key anew for each request
        allowed = self._storage.acquire_entry(_key(rate, client.id), rate.amount, rate.get_expiry())
        if not allowed and state.rate_limit_decision:
            self._metrics.record_rate_limited(client.label, NAME)
            wait = state.rate_limit_decision.wait
            raise RateLimitExceeded.for_requests(str(rate), rate.amount, rate.get_expiry(), wait)

    def _add_headers(self, response: Response) -> Response:
        """Add the headers of draft-ietf-httpapi-ratelimit-headers, and the three that most clients read."""
        state = request_state()
        if (decision := state.rate_limit_decision) is None:
            return response
        rate, wait = state.rate_limit, math.ceil(decision.wait)
        left = rate.amount - decision.count
        response.late_headers += (
            ("RateLimit-Policy", f'"requests";q={rate.amount};w={rate.get_expiry()}'),
            ("RateLimit", f'"requests";r={left};t={wait}'),
            ("RateLimit-Limit", str(rate.amount)),
            ("RateLimit-Remaining", str(left)),
            ("RateLimit-Reset", str(wait)),
        )
        return response


@lru_cache(4096)
def _key(rate: RateLimitItem, client: str) -> str:
    return rate.key_for(client)


@cache  # bounded by the number of settings and keys
def _parsed(rate: str) -> RateLimitItem:
    return parse(rate)
