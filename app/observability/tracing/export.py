"""Exports spans to a collector in batches. No request waits for the collector."""

import logging
import os
import time
from collections.abc import Sequence
from typing import Any

import gevent
import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from app.version import SERVICE, __version__

logger = logging.getLogger(__name__)

# at most one log line about lost spans in this time
LOG_INTERVAL_SECONDS = 60.0
# encoding a batch blocks all greenlets: for 64 spans, 3.5 ms
BATCH_SPANS = 64
# for the last spans of a process that ends; shorter than the time that SHUTDOWN_GRACE leaves
FLUSH_SECONDS = 1.0


class _Session(requests.Session):
    """Remembers the outcome of the last request, without its address and headers."""

    outcome = ""

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        try:
            response = super().send(*arguments, **options)
        except requests.RequestException as error:
            self.outcome = type(error).__name__
            raise
        self.outcome = f"status {response.status_code}"
        return response


class Exporter(OTLPSpanExporter):
    """Exports to the collector; logs the number of lost spans at most once in LOG_INTERVAL_SECONDS."""

    def __init__(self, collector: str) -> None:
        # the library reads this variable only if it gets no endpoint
        endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{collector}/v1/traces"
        self._own_session = _Session()
        self._lost_spans = 0
        self._next_log = 0.0
        super().__init__(endpoint, session=self._own_session)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, with the library's retries."""
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost_spans += len(spans)
            self._log_lost_spans()
        return result

    def _log_lost_spans(self) -> None:
        if time.monotonic() >= self._next_log:
            self._next_log = time.monotonic() + LOG_INTERVAL_SECONDS
            logger.warning("the collector did not accept %d spans (%s)", self._lost_spans, self._own_session.outcome)
            self._lost_spans = 0


def create_provider(collector: str) -> TracerProvider:
    """Return a provider whose spans go to this collector. OTEL_ variables may set the resource and the sampler."""
    defaults = Resource.create({"service.name": SERVICE, "service.version": __version__})
    resource = defaults.merge(OTELResourceDetector().detect())
    # the worker calls shut_down with a time limit; the library's exit handler would wait without one
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Exporter(collector), max_export_batch_size=BATCH_SPANS))
    return provider


def shut_down(provider: TracerProvider) -> None:
    """Export the remaining spans, within FLUSH_SECONDS."""
    with gevent.Timeout(FLUSH_SECONDS, False):
        provider.shutdown()
