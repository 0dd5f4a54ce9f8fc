"""Requests a minute of each client, by Flask-Limiter over windows of our own that Redis can share."""

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
from app.errors import RateLimitExceeded
from app.observability.metrics.clients import ClientMetrics
from app.web.request_state import request_state
from app.web.response import Response
from app.web.route_groups import RATE_LIMIT_EXEMPT

NAME = "rate_limit"


class _Windows(MemoryStorage):
    """Flask-Limiter's storage over our windows; the rest of its interface is not used."""

    STORAGE_SCHEME = ["ai-huggingface"]  # noqa: RUF012 - as the library declares it

    def __init__(self, uri: str, *, windows: SlidingWindowLimiter, **_options: Any) -> None:
        super().__init__(uri)
        self._windows = windows

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count the request; it is let through where Redis cannot tell."""
        state = request_state()
        state.rate_limit_decision = taken = self._windows.hit(key, limit, expiry, state.info.redis_budget)
        return taken is None or taken.allowed


class RateLimits:
    """Limits the requests of each client, by its key's rate or that of the settings."""

    def __init__(self, limits: Mapping[str, Any], windows: SlidingWindowLimiter, metrics: ClientMetrics) -> None:
        self._limits = limits
        self._windows = windows
        self._metrics = metrics

    def init_app(self, app: Flask) -> None:
        """Check every request of a caller, after its client is known."""
        limiter = Limiter(
            key_func=lambda: request_state().client.id,
            strategy="moving-window",
            storage_uri="ai-huggingface://",
            storage_options={"windows": self._windows},  # type: ignore[dict-item]  # handed on as it is
        )
        # its own hooks, which it leaves out where it is known already, look at each request for limits of routes,
        # blueprints and methods; there is one limit for all
        app.extensions["limiter"] = {limiter}
        limiter.init_app(app)
        self._storage = cast("_Windows", limiter.storage)
        app.before_request(self._check)
        app.after_request(self._tell)

    def count_failure(self, client: ClientIdentity) -> None:
        """Count a request without a known key against its address; raise RateLimitExceeded for too many of them."""
        rate = _parsed(self._limits[NAME])
        key = rate.key_for("failed", client.id)
        taken = self._windows.hit(key, rate.amount, rate.get_expiry(), request_state().info.redis_budget)
        if taken is not None and not taken.allowed:
            self._metrics.record_rate_limited(client, "failed_keys")
            message = "Too many requests without a client key that is known came from your address."
            raise RateLimitExceeded(message, retry_after=taken.wait)

    def _check(self) -> None:
        state = request_state()
        if state.matches_or_unrouted(RATE_LIMIT_EXEMPT):
            return
        client = state.client
        state.rate_limit = rate = _parsed(client.limits.get(NAME, self._limits[NAME]))
        # as the strategy's `hit` does, which puts the key together anew
        if (
            not self._storage.acquire_entry(_key(rate, client.id), rate.amount, rate.get_expiry())
            and state.rate_limit_decision
        ):
            self._metrics.record_rate_limited(client, NAME)
            raise RateLimitExceeded(
                f"You are over your limit of {rate}; come back after the time in Retry-After.",
                details={"limit": NAME, "allowed": rate.amount, "seconds": rate.get_expiry()},
                retry_after=state.rate_limit_decision.wait,
            )

    def _tell(self, response: Response) -> Response:
        """Add the headers of draft-ietf-httpapi-ratelimit-headers, and the three that most clients read."""
        state = request_state()
        if (taken := state.rate_limit_decision) is None:
            return response
        rate, wait = state.rate_limit, math.ceil(taken.wait)
        left = rate.amount - taken.count
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


@cache  # as many as the settings and the keys have
def _parsed(rate: str) -> RateLimitItem:
    return parse(rate)
