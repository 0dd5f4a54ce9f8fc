"""GET /health, /health/ready and /health/deep."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, g

from app.lifecycle import Lifecycle
from app.services.health import HealthService
from app.version import SERVICE, __version__

_REASONS = {
    "starting": "The embedded engine is loading its model.",
    "draining": "The service is shutting down.",
}


def blueprint(lifecycle: Lifecycle, health_service: HealthService) -> Blueprint:
    """Make the blueprint of the health routes."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "healthy", **_identity()}

    @routes.get("/health/ready")
    def ready() -> tuple[dict[str, Any], int]:
        state = lifecycle.state
        if state == "ready":
            return {"status": state}, 200
        return {"status": state, "reason": _REASONS[state]}, 503

    @routes.get("/health/deep")
    def deep() -> tuple[dict[str, Any], int]:
        report = health_service.report(g.request_id)
        return {**report, **_identity()}, 503 if report["status"] == "unhealthy" else 200

    return routes


def _identity() -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"timestamp": now, "service": SERVICE, "version": __version__}
