"""The service's own metrics, in Prometheus' form and as a short JSON summary."""

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, multiprocess
from prometheus_flask_exporter import PrometheusMetrics

from app.client_metrics import ClientMetrics
from app.openapi.documentation import JSON, TEXT, Answer, Documentation, Example, documented
from app.openroutes import UNLIMITED, is_one_of
from app.schemas.metrics import MetricsSchema
from app.stream_metrics import StreamMetrics
from app.version import SERVICE

# streams may take up to STREAM_TOTAL_TIMEOUT
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
OTHER_MODEL = "other"
UNMATCHED_ROUTE = "unmatched"

_PROMETHEUS = "text/plain"
_DOCUMENTATION = Documentation(
    tag="Operation",
    summary="Give the metrics",
    description="In Prometheus' form, or as a short summary where only `application/json` is accepted.",
    answers=(Answer("The metrics.", {_PROMETHEUS: TEXT, "application/openmetrics-text": TEXT, JSON: MetricsSchema}),),
    examples={
        "prometheus": Example(
            "# HELP active_connections Connections on which a request is being served.\n"
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


class Metrics:
    """The metrics of one app, in a registry of its own.

    Model labels are the names that the settings know; any other is `other`, so that no caller can mint series.
    """

    def __init__(self, models: Iterable[str]) -> None:
        self._models = frozenset(models)
        self._registry = CollectorRegistry()
        self.streams = StreamMetrics(self._registry)
        self.clients = ClientMetrics(self._registry)
        self._requests = self._counter("http_requests_total", "Requests.", "method", "route", "status")
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the end of its answer.",
            ("service", "method", "route"),
            buckets=DURATION_BUCKETS,
            registry=self._registry,
        )
        self._operations = self._counter(
            "ai_requests_total", "Operations by who answered.", "operation", "backend", "model", "outcome"
        )
        self._errors = self._counter("ai_request_errors_total", "Operations that failed, by error type.", "type")
        self._unanswered = self._counter("redis_unanswered_total", "Questions that Redis did not answer.")
        self._active = Gauge(
            "active_connections",
            "Connections on which a request is being served.",
            ("service",),
            registry=self._registry,
            multiprocess_mode="livesum",
        ).labels(SERVICE)

    def redis_unanswered(self) -> None:
        """Count a question that Redis did not answer, so that a limit stayed open or a cache was not looked up."""
        self._unanswered.labels(SERVICE).inc()

    def operation(self, operation: str, backend: str, model: str | None, outcome: str) -> None:
        """Count one operation on one backend; `outcome` is `ok` or the type of the error."""
        label = model if model is None or model in self._models else OTHER_MODEL
        self._operations.labels(SERVICE, operation, backend, label or "default", outcome).inc()
        if outcome != "ok":
            self._errors.labels(SERVICE, outcome).inc()

    def init_app(self, app: Flask) -> None:
        """Measure every request of the app, and serve /metrics from it."""
        exporter = PrometheusMetrics(app, path=None, export_defaults=False, registry=self._registry)
        app.before_request(self._started)
        app.after_request(self._finished)
        app.teardown_request(self._torn_down)

        @app.get("/metrics")
        @documented(_DOCUMENTATION)
        def metrics() -> Response | dict[str, Any]:
            if request.accept_mimetypes.best == "application/json":
                return self.summary()
            content, content_type = exporter.generate_metrics(request.headers.get("Accept"))
            return Response(content, content_type=content_type)

    def summary(self) -> dict[str, Any]:
        """Return total requests, their mean duration in seconds, the share answered 5xx, and the time."""
        samples = {metric.name: metric.samples for metric in self._collected()}
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

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, ("service", *labels), registry=self._registry)

    def _collected(self) -> Iterable[Metric]:
        """Collect from the files that all workers share where there are several, else from this process."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry.collect()

    def _started(self) -> None:
        g.started = time.perf_counter()
        self._active.inc()

    def _finished(self, response: Response) -> Response:
        route = route_label()
        self._requests.labels(SERVICE, method_label(), route, response.status_code).inc()
        if not is_one_of(UNLIMITED):
            self.clients.request(g.client)
        duration, started = self._duration.labels(SERVICE, method_label(), route), g.started
        g.streams = response.is_streamed
        if g.streams:
            response.call_on_close(lambda: duration.observe(time.perf_counter() - started))
            response.call_on_close(self._active.dec)
        else:
            duration.observe(time.perf_counter() - started)
        return response

    def _torn_down(self, _error: BaseException | None) -> None:
        if not g.get("streams"):
            self._active.dec()


def route_label() -> str:
    """Return the rule that the request matched, never its path, which callers choose."""
    return request.url_rule.rule if request.url_rule else UNMATCHED_ROUTE


def method_label() -> str:
    """Return the method where a route of ours takes it, else `other`: callers may send any word."""
    return request.method if request.method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
