"""Who calls: with client keys set, every route but a few needs one."""

from collections.abc import Callable

from flask import Flask, Request

from app.clients.identity import ClientIdentity
from app.clients.key_store import ReloadingKeyStore
from app.errors import AuthenticationError
from app.web.request_state import request_state


def init_app(
    app: Flask, keys: ReloadingKeyStore | None, exempt: frozenset[str], count_failure: Callable[[ClientIdentity], None]
) -> None:
    """Put the holder of the key into `current().client`, in place of the address; without keys everyone may call.

    Routes of the rules in `exempt` need no key. `count_failure` is told of each request without a key that is known,
    and may refuse it.
    """

    @app.before_request
    def authenticate() -> None:
        state = request_state()
        if keys is None or state.matches_or_unrouted(exempt):
            return
        shown = [keys.find(key) for key in _presented_keys(state.request)]
        key = shown[0] if shown else None
        if key is None or shown.count(key) < len(shown):
            count_failure(state.client)
            raise AuthenticationError
        if key.has_expired:
            raise AuthenticationError("This client key has expired; ask the operator of this service for a new one.")
        state.client = ClientIdentity.from_key(key)


def _presented_keys(request: Request) -> list[str]:
    """Return the keys that a request shows, as a bearer token (RFC 6750, 2.1) and in X-API-Key.

    Where there are two both have to be right, so that nobody can mistake which one counts.
    """
    authorization, key = request.environ.get("HTTP_AUTHORIZATION"), request.environ.get("HTTP_X_API_KEY")
    shown = [] if key is None else [key]
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        shown.append(token.strip() if scheme.lower() == "bearer" else "")
    return shown
