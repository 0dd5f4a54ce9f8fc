"""Authenticates clients by their keys. With client keys set, every route outside a few groups needs one."""

from collections.abc import Callable

from flask import Flask, Request

from app.clients.identity import ClientIdentity
from app.clients.key_store import ReloadingKeyStore
from app.config.client_keys import ApiKey
from app.errors import AuthenticationError
from app.web.request_state import request_state

_KEY_HEADERS = ("HTTP_X_API_KEY", "HTTP_API_KEY")


def init_app(
    app: Flask,
    keys: ReloadingKeyStore | None,
    exempt: frozenset[str],
    count_failed_auth: Callable[[ClientIdentity], None],
) -> None:
    """Register the hook that replaces the state's client, an address, by the holder of the key.

    Without `keys`, and on routes with a rule in `exempt`, no key is needed. `count_failed_auth` is called for each
    request without a known key, and may raise RateLimitExceeded.
    """

    @app.before_request
    def authenticate() -> None:
        state = request_state()
        if keys is None or state.matches_or_unrouted(exempt):
            return
        if (key := _find_key(keys, state.request)) is None:
            count_failed_auth(state.client)
            raise AuthenticationError
        state.client = ClientIdentity.from_key(key)  # first, so that the log line names an expired key too
        if key.has_expired:
            raise AuthenticationError(
                f"The client key {key.name} has expired; ask the operator of this service for a new one."
            )
        state.info.trace.identify(state.info.id, key.name)


def _find_key(keys: ReloadingKeyStore, request: Request) -> ApiKey | None:
    """Return the known key of a request, None without one or if two headers have different known keys.

    Unknown keys beside a known one are ignored: SDKs send a placeholder in Authorization.
    """
    found = [entry for key in _presented_keys(request) if (entry := keys.find(key)) is not None]
    return found[0] if found and found.count(found[0]) == len(found) else None


def _presented_keys(request: Request) -> list[str]:
    """Return the keys of a request: from X-API-Key, from Azure's api-key, and from a bearer token (RFC 6750, 2.1)."""
    presented = [request.environ[name] for name in _KEY_HEADERS if name in request.environ]
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return [*presented, token.strip()] if scheme.lower() == "bearer" else presented
