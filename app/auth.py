"""Who calls: with client keys set, every route but the health checks and /metrics needs one."""

from flask import Flask, g, request

from app.errors import AuthenticationError
from app.keys import ClientKeys

OPEN_ROUTES = ("/health", "/health/ready", "/health/deep", "/metrics")


def init_app(app: Flask, keys: ClientKeys | None) -> None:
    """Register the check; without keys everyone may call."""
    if keys is None:
        return

    @app.before_request
    def authenticate() -> None:
        if request.url_rule is None or request.url_rule.rule in OPEN_ROUTES:
            return
        client = keys.client(_key())
        if client is None:
            raise AuthenticationError
        g.client = client


def _key() -> str:
    """Return the key that a request shows, as a bearer token (RFC 6750, 2.1) or in X-API-Key."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
