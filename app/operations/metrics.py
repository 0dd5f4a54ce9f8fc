"""GET /metrics: in Prometheus' format, or as a short JSON summary."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from flask import Blueprint
from prometheus_client import CollectorRegistry, Metric, multiprocess
from prometheus_flask_exporter import PrometheusMetrics
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_options_header

from app.errors import MetricsUnavailable
from app.observability.metrics.registry import Metrics
from app.openapi.route_doc import JSON, TEXT, Example, RouteDoc, RouteResponse, openapi_doc
from app.schemas.metrics import MetricsSchema
from app.web.request_state import request_state
from app.web.response import Response

_PROMETHEUS = "text/plain"
_OPENMETRICS = "application/openmetrics-text"
# the formats in the order in which the server prefers them, with the versions that the library can write;
# its own choice reads no quality values, and fails at a version that is no number
_VERSIONS: dict[str, tuple[str | None, ...]] = {
    _PROMETHEUS: (None, "0.0.4", "1.0.0"),
    _OPENMETRICS: (None, "1.0.0"),
    JSON: (None,),
}
_DOC = RouteDoc(
    tag="Operation",
    summary="Get the metrics",
    description="In Prometheus' format, or as a short summary, by the quality values of `Accept`.",
    responses=(RouteResponse("The metrics.", {_PROMETHEUS: TEXT, _OPENMETRICS: TEXT, JSON: MetricsSchema}),),
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
    errors=(MetricsUnavailable,),
    audience="operators",
)


def blueprint(metrics: Metrics) -> Blueprint:
    """Return the blueprint of the route."""
    routes = Blueprint("metrics", __name__)
    exporter = PrometheusMetrics(None, path=None, export_defaults=False, registry=metrics.registry)

    @routes.get("/metrics")
    @openapi_doc(_DOC)
    def scrape() -> Response | dict[str, Any]:
        _require_directory()
        accepted = _accepted_ranges(request_state().request.accept_mimetypes)
        media_type = _best_format(accepted)
        if media_type == JSON:
            return _summary(_collect(metrics.registry))
        metrics.process.refresh()
        best_range = next((text for name, text, _ in accepted if name == media_type), media_type)
        content, content_type = exporter.generate_metrics(best_range)
        return Response(content, content_type=content_type)

    return routes


def _require_directory() -> None:
    """Raise MetricsUnavailable if the directory is missing in which workers share their metrics."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory is not None and not (directory and Path(directory).is_dir()):
        raise MetricsUnavailable


def _accepted_ranges(header: MIMEAccept) -> list[tuple[str, str, float]]:
    """Return name, text and quality of each media range, the best first, without unknown versions of a format."""
    ranges = []
    for text, quality in header:
        name, parameters = parse_options_header(text.lower())
        if parameters.get("version") in _VERSIONS.get(name, (None,)):
            ranges.append((name, text.lower(), quality))
    return sorted(ranges, key=itemgetter(2), reverse=True)


def _best_format(accepted: list[tuple[str, str, float]]) -> str:
    """Return the format with the highest quality (RFC 9110, section 12.5.1); text if none is acceptable.

    The most specific range decides about a format. At equal quality a format by name precedes one by wildcard, and the
    client's order that of the server.
    """
    names = [name for name, _, _ in accepted]
    qualities = {name: quality for name, _, quality in reversed(accepted)}
    candidates = []
    for position, media_type in enumerate(_VERSIONS):
        patterns = (media_type, media_type.partition("/")[0] + "/*", "*/*")
        match = next((one for one in patterns if one in qualities), None)
        if match is not None and qualities[match] > 0:
            rank = qualities[match], -patterns.index(match), -names.index(match), -position
            candidates.append((rank, media_type))
    return max(candidates, default=((), _PROMETHEUS))[1]


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
