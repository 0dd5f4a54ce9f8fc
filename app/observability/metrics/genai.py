"""The client metrics of OpenTelemetry's GenAI conventions, with underscores in place of dots.

Names, attributes and buckets: https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai.
"""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from app.context.call_context import CallContext
from app.observability.metrics.labelled_metric import Histogram, LabelledMetric
from app.observability.metrics.operations import billed_tokens

SECONDS_BUCKETS = tuple(0.01 * 2**step for step in range(14))
TOKEN_BUCKETS = tuple(4**step for step in range(14))
# names of our operations in the conventions; any other operation keeps its own name
OPERATION_NAMES = {
    "generate": "chat",
    "chat": "chat",
    "complete": "text_completion",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "sentiment": "text_classification",
    "classify": "text_classification",
    "summarize": "summarization",
}
# operations that look models up, or count tokens, instead of generating any
_LOOKUPS = frozenset(("count_tokens", "models", "validate"))
_LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


class GenAIMetrics:
    """Metrics of operations with upstream calls. `model` returns the label of a request's model."""

    def __init__(self, registry: CollectorRegistry, model: Callable[[CallContext], str]) -> None:
        self._model = model
        self._duration = _histogram(
            registry, "operation_duration_seconds", "GenAI operation duration.", "error_type", buckets=SECONDS_BUCKETS
        )
        self._tokens = _histogram(
            registry,
            "token_usage",
            "Number of input and output tokens used.",
            "gen_ai_token_type",
            buckets=TOKEN_BUCKETS,
        )
        self._first_chunk = _histogram(
            registry,
            "operation_time_to_first_chunk_seconds",
            "Time to receive the first chunk of a stream.",
            buckets=SECONDS_BUCKETS,
        )

    def record_operation(self, context: CallContext, seconds: float) -> None:
        """Record an operation that took `seconds`. Estimated token counts are left out."""
        if context.operation in _LOOKUPS or not context.timeline.attempts:
            return
        name = OPERATION_NAMES.get(context.task, context.task)
        labels = (name, context.backend or "", self._model(context))
        error = "" if context.outcome == "ok" else context.outcome or ""
        self._duration[*labels, error].observe(seconds)
        if context.stream is not None:
            self._first_chunk[labels].observe(context.stream.first_event)
        for direction, tokens in () if context.usage_estimated else billed_tokens(context):
            self._tokens[*labels, direction].observe(tokens)


def _histogram(
    registry: CollectorRegistry, name: str, text: str, *labels: str, buckets: Sequence[float]
) -> LabelledMetric[Histogram]:
    return LabelledMetric(
        Histogram(f"gen_ai_client_{name}", text, (*_LABELS, *labels), buckets=buckets, registry=registry)
    )
