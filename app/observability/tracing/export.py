"""The way of spans to the collector, in batches; whatever the collector does, no request waits for it."""

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

# at most one line in so many seconds
LINE_SECONDS = 60.0
# making a batch's message holds up all other greenlets: for so many spans it is some milliseconds
BATCH_SPANS = 64
# for the last spans of a process that ends; a drain has this to spare
FLUSH_SECONDS = 1.0


class _Session(requests.Session):
    """Keeps in mind how the last request ended: in words that hold nothing of its address or headers."""

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
    """Exports to the collector, and logs now and then how many spans it did not take."""

    def __init__(self, collector: str) -> None:
        # the exporter would prefer the variable, but only where it is given no address
        endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{collector}/v1/traces"
        self._own_session = _Session()
        self._lost = 0
        self._next_line = 0.0
        super().__init__(endpoint, session=self._own_session)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, and send it again for a while where that may help."""
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
            self._tell()
        return result

    def _tell(self) -> None:
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            logger.warning("the collector did not take %d spans (%s)", self._lost, self._own_session.outcome)
            self._lost = 0


def exported(collector: str) -> TracerProvider:
    """Return a provider of spans that go to this collector; OTEL_ variables may name the service and sample."""
    ours = Resource.create({"service.name": SERVICE, "service.version": __version__})
    # the worker shuts it down in time; at the exit of the interpreter it could be waited for without end
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Exporter(collector), max_export_batch_size=BATCH_SPANS))
    return provider


def shut_down(provider: TracerProvider) -> None:
    """Export what is left, as far as it can be done at once."""
    with gevent.Timeout(FLUSH_SECONDS, False):
        provider.shutdown()
