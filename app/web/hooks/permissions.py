"""Enforces the permissions of client keys. Without keys everything is allowed."""

from collections.abc import Set

from flask import Flask

from app.clients.identity import ClientIdentity
from app.context.tasks import BY_BODY, task_of
from app.errors import PermissionDenied
from app.web.request_state import request_state


def init_app(app: Flask) -> None:
    """Register the hook that checks the operation: the name of the blueprint, or of the view outside of blueprints."""

    @app.before_request
    def require_route() -> None:
        state = request_state()
        operation = state.request.blueprint or state.request.endpoint or ""
        if operation not in BY_BODY:
            require_operation(state.client, operation, task_of(operation))


def require_operation(client: ClientIdentity, operation: str, task: str) -> None:
    """Raise PermissionDenied if the client may use neither the operation nor the task that it runs."""
    allowed = client.key.operations if client.key else None
    if allowed is not None and allowed.isdisjoint((operation, task)):
        raise permission_error("operation", task if operation in BY_BODY else operation, allowed)


def require_debug(client: ClientIdentity) -> None:
    """Raise PermissionDenied if the client may not see the timeline of attempts."""
    if client.key and not client.key.debug:
        raise PermissionDenied("This client key may not use X-AI-Debug; send the request without that header.")


def permission_error(kind: str, name: str | None, allowed: Set[str]) -> PermissionDenied:
    """Return the error for an operation or a model that a key may not use, with the allowed ones in its details."""
    return PermissionDenied(
        f"This client key may not use the {kind} {name}; ask the operator of this service for the permission.",
        details={"allowed": sorted(allowed)},
    )
