"""What a client's key allows; without keys everything is allowed."""

from collections.abc import Set

from flask import Flask

from app.clients.identity import ClientIdentity
from app.errors import PermissionDenied
from app.web.request_state import request_state


def init_app(app: Flask) -> None:
    """Check that the client may use the operation, which has the name of its blueprint, or of its view without one."""

    @app.before_request
    def require_operation() -> None:
        state = request_state()
        if (key := state.client.key) is None or key.operations is None:
            return
        operation = state.request.blueprint or state.request.endpoint
        if operation not in key.operations:
            raise permission_error("operation", operation, key.operations)


def require_debug(client: ClientIdentity) -> None:
    """Raise PermissionDenied where the client may not see the timeline of attempts."""
    if client.key and not client.key.debug:
        raise PermissionDenied("This client key may not ask for X-AI-Debug; send the request without that header.")


def permission_error(what: str, wanted: str | None, allowed: Set[str]) -> PermissionDenied:
    """Return the error of a key that may not use something, and what it may use instead."""
    return PermissionDenied(
        f"This client key may not use the {what} {wanted}; ask the operator of this service for the permission.",
        details={"allowed": sorted(allowed)},
    )
