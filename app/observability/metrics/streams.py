"""Metrics of streams, recorded when a stream ends."""

from prometheus_client import CollectorRegistry

from app.context.call_context import CallContext, StreamStats
from app.observability.metrics.labelled_metric import counter, histogram

FIRST_EVENT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RATE_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_LABELS = ("operation", "backend")


class StreamMetrics:
    """Streams by outcome, their events, time to the first event, and tokens per second of completed streams."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._streams = counter(registry, "ai_streams_total", "Streams by outcome.", *_LABELS, "outcome")
        self._events = counter(registry, "ai_stream_events_total", "Events of upstream streams.", *_LABELS)
        self._first_event = histogram(
            registry,
            "ai_stream_first_event_seconds",
            "Time from the start of a request to the first event of its stream.",
            *_LABELS,
            buckets=FIRST_EVENT_BUCKETS,
        )
        self._rate = histogram(
            registry,
            "ai_stream_tokens_per_second",
            "Tokens per second of a completed stream, after its first event.",
            *_LABELS,
            buckets=RATE_BUCKETS,
        )

    def record_stream(self, context: CallContext, stats: StreamStats) -> None:
        """Count a stream that has ended."""
        labels = (context.operation, context.backend or "")
        self._streams[*labels, stats.outcome].inc()
        self._events[labels].inc(stats.events)
        self._first_event[labels].observe(stats.first_event)
        if stats.outcome == "completed" and context.tokens_per_second:
            self._rate[labels].observe(context.tokens_per_second)
