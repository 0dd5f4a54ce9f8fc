"""Traces of requests with OpenTelemetry, whose packages are needed, and imported, only where there is a collector."""

from importlib.util import find_spec

from app.context.trace import Tracing


def create_tracing(collector: str | None) -> Tracing:
    """Return what traces requests: to the collector at this URL, or nowhere."""
    if collector is None:
        return Tracing()
    from app.observability.tracing.export import exported
    from app.observability.tracing.spans import SpanTracing

    return SpanTracing(exported(collector))


def can_trace() -> bool:
    """Tell whether the packages are installed; this imports none of them."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
