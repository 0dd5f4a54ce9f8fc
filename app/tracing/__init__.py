"""Traces of requests with OpenTelemetry, whose packages are needed, and imported, only where there is a collector."""

from importlib.util import find_spec

from app.tracing.base import Tracing


def tracing_to(collector: str | None) -> Tracing:
    """Return what traces requests: to the collector at this URL, or nowhere."""
    if collector is None:
        return Tracing()
    from app.tracing.export import exported
    from app.tracing.spans import SpanTracing

    return SpanTracing(exported(collector))


def can_trace() -> bool:
    """Tell whether the packages are installed; this imports none of them."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
