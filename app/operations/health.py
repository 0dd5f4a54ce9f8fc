"""GET /health, /health/ready and /health/deep."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint

from app.errors import UpstreamUnavailable
from app.inference.health import HealthService
from app.lifecycle import Lifecycle
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse, openapi_doc
from app.schemas.health import DeepHealthSchema, HealthSchema, ReadinessSchema
from app.version import SERVICE, __version__
from app.web.request_state import request_state

_REASONS = {
    "starting": "The embedded engine is loading its model.",
    "draining": "The service is shutting down.",
}

_TIMESTAMP = "2026-11-23T09:33:46.844+00:00"
_IDENTITY = {"timestamp": _TIMESTAMP, "service": SERVICE, "version": __version__}
_BREAKERS = {"health": "closed"}
_HEALTHY = {"status": "healthy", "latency_ms": 1.5, "breakers": _BREAKERS}
_FAILING = {
    "status": "unhealthy",
    "type": UpstreamUnavailable.type,
    "message": UpstreamUnavailable.default_message,
    "latency_ms": 2.0,
    "breakers": {"models": "open"},
}
_LIVE_DOC = RouteDoc(
    tag="Operation",
    summary="Check whether the process responds",
    description="Calls no dependency.",
    responses=(RouteResponse("It responds.", {JSON: HealthSchema}),),
    examples={"healthy": Example({"status": "healthy", **_IDENTITY})},
    audience="anyone",
)
_READY_DOC = RouteDoc(
    tag="Operation",
    summary="Check whether the service is ready for requests",
    description="Not ready while the embedded engine loads its model, and after the service has received SIGTERM.",
    responses=(
        RouteResponse("Ready.", {JSON: ReadinessSchema}),
        RouteResponse("Not ready; `reason` gives the cause.", {JSON: ReadinessSchema}, 503),
    ),
    examples={
        "ready": Example({"status": "ready"}),
        "starting": Example({"status": "starting", "reason": _REASONS["starting"]}, status=503),
    },
    audience="anyone",
)
_DEEP_DOC = RouteDoc(
    tag="Operation",
    summary="Check every dependency",
    description="Results are cached for three seconds.",
    responses=(
        RouteResponse("The primary backend responds.", {JSON: DeepHealthSchema}),
        RouteResponse("The primary backend fails.", {JSON: DeepHealthSchema}, 503),
    ),
    examples={
        "healthy": Example({"status": "healthy", "access": "open", "checks": {"embedded": _HEALTHY}, **_IDENTITY}),
        "unhealthy": Example(
            {"status": "unhealthy", "access": "keys", "checks": {"openai": _FAILING}, **_IDENTITY}, status=503
        ),
    },
    audience="operators",
)


def blueprint(lifecycle: Lifecycle, health_service: HealthService) -> Blueprint:
    """Return the blueprint of the health routes."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    @openapi_doc(_LIVE_DOC)
    def health() -> dict[str, Any]:
        return {"status": "healthy", **_identity()}

    @routes.get("/health/ready")
    @openapi_doc(_READY_DOC)
    def ready() -> tuple[dict[str, Any], int]:
        state = lifecycle.state
        if state == "ready":
            return {"status": state}, 200
        problem = lifecycle.problem() if state == "starting" else ""
        return {"status": state, "reason": problem or _REASONS[state]}, 503

    @routes.get("/health/deep")
    @openapi_doc(_DEEP_DOC)
    def deep() -> tuple[dict[str, Any], int]:
        report = health_service.report(request_state().info.id)
        return {**report, **_identity()}, 503 if report["status"] == "unhealthy" else 200

    return routes


def _identity() -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"timestamp": now, "service": SERVICE, "version": __version__}
