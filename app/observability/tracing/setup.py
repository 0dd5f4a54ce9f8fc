"""Sets tracing up. OpenTelemetry's packages are imported only if a collector is configured."""

from app.context.trace import Tracing


def create_tracing(collector: str | None) -> Tracing:
    """Return the tracing that exports to the collector at this URL, or without one tracing that does nothing."""
    if collector is None:
        return Tracing()
    from app.observability.tracing.export import create_provider
    from app.observability.tracing.spans import SpanTracing

    return SpanTracing(create_provider(collector))
