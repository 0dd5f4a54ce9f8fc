"""What a client's key allows; without keys everything is allowed."""

from collections.abc import Set

from flask import Flask

from app.clients import Client
from app.current import current
from app.errors import PermissionDenied


def init_app(app: Flask) -> None:
    """Check that the client may use the operation, which has the name of its blueprint, or of its view without one."""

    @app.before_request
    def require_operation() -> None:
        now = current()
        if (key := now.client.key) is None or key.operations is None:
            return
        operation = now.request.blueprint or now.request.endpoint
        if operation not in key.operations:
            raise denied("operation", operation, key.operations)


def require_debug(client: Client) -> None:
    """Raise PermissionDenied where the client may not see the timeline of attempts."""
    if client.key and not client.key.debug:
        raise PermissionDenied("This client key may not ask for X-AI-Debug; send the request without that header.")


def denied(what: str, wanted: str | None, allowed: Set[str]) -> PermissionDenied:
    """Return the error of a key that may not use something, and what it may use instead."""
    return PermissionDenied(
        f"This client key may not use the {what} {wanted}; ask the operator of this service for the permission.",
        details={"allowed": sorted(allowed)},
    )
