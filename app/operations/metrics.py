"""GET /metrics: in Prometheus' format, or as a short JSON summary."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint
from prometheus_client import CollectorRegistry, Metric, multiprocess
from prometheus_flask_exporter import PrometheusMetrics

from app.observability.metrics.registry import Metrics
from app.openapi.route_doc import JSON, TEXT, Example, RouteDoc, RouteResponse, openapi_doc
from app.schemas.metrics import MetricsSchema
from app.web.request_state import request_state
from app.web.response import Response

_PROMETHEUS = "text/plain"
_DOC = RouteDoc(
    tag="Operation",
    summary="Get the metrics",
    description="In Prometheus' format, or as a short summary if the client prefers `application/json`.",
    responses=(
        RouteResponse("The metrics.", {_PROMETHEUS: TEXT, "application/openmetrics-text": TEXT, JSON: MetricsSchema}),
    ),
    examples={
        "prometheus": Example(
            "# HELP active_connections Connections with a request in flight.\n"
            "# TYPE active_connections gauge\n"
            'active_connections{service="ai-huggingface"} 1.0\n',
            media_type=_PROMETHEUS,
        ),
        "summary": Example(
            {
                "requests_total": 8,
                "requests_duration": 0.208474,
                "error_rate": 0.0,
                "timestamp": "2026-11-23T01:25:54.891+00:00",
            }
        ),
    },
    audience="operators",
)


def blueprint(metrics: Metrics) -> Blueprint:
    """Return the blueprint of the route."""
    routes = Blueprint("metrics", __name__)
    exporter = PrometheusMetrics(None, path=None, export_defaults=False, registry=metrics.registry)

    @routes.get("/metrics")
    @openapi_doc(_DOC)
    def scrape() -> Response | dict[str, Any]:
        request = request_state().request
        if request.accept_mimetypes.best == JSON:
            return _summary(_collect(metrics.registry))
        metrics.process.refresh()
        content, content_type = exporter.generate_metrics(request.headers.get("Accept"))
        return Response(content, content_type=content_type)

    return routes


def _collect(registry: CollectorRegistry) -> Iterable[Metric]:
    """Collect the samples: from the files of all workers if there are several workers, else from this process."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # of the library
    return registry.collect()


def _summary(metrics: Iterable[Metric]) -> dict[str, Any]:
    """Return the number of requests, their mean duration in seconds, the ratio of 5xx responses, and the time."""
    samples = {metric.name: metric.samples for metric in metrics}
    requests = [sample for sample in samples.get("http_requests", []) if sample.name.endswith("_total")]
    total = sum(sample.value for sample in requests)
    failed = sum(sample.value for sample in requests if sample.labels["status"].startswith("5"))
    durations = samples.get("http_request_duration_seconds", [])
    seconds = sum(sample.value for sample in durations if sample.name.endswith("_sum"))
    return {
        "requests_total": int(total),
        "requests_duration": round(seconds / total, 6) if total else 0.0,
        "error_rate": round(failed / total, 6) if total else 0.0,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
