"""What is measured of operations: by whom they were answered, what they used, and what we added to them."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from app.context.call_context import CallContext
from app.observability.metrics.labelled_metric import counter, histogram

OTHER_MODEL = "other"
DEFAULT_MODEL = "default"
OVERHEAD_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# what another request or the past paid for
_FREE = ("hit", "coalesced")


class OperationMetrics:
    """Model labels are the names that the settings know; any other is `other`, so that no caller can mint series."""

    def __init__(self, registry: CollectorRegistry, models: Iterable[str]) -> None:
        self._models = frozenset(models)
        labels = ("operation", "backend", "model")
        self._requests = counter(registry, "ai_requests_total", "Operations by who answered.", *labels, "outcome")
        self._errors = counter(registry, "ai_request_errors_total", "Operations that failed, by error type.", "type")
        self._tokens = counter(
            registry, "ai_tokens_total", "Tokens that upstreams read and wrote.", *labels, "direction"
        )
        self._fallbacks = counter(
            registry, "ai_fallbacks_total", "Operations that a fallback answered.", "operation", "backend"
        )
        self._cache = counter(
            registry, "ai_cache_total", "Operations by what the cache was to them.", "operation", "outcome"
        )
        self._overhead = histogram(
            registry,
            "ai_overhead_seconds",
            "Time of an operation that no upstream took; of a stream, to its first event.",
            "operation",
            buckets=OVERHEAD_BUCKETS,
        )

    def model(self, context: CallContext) -> str:
        """Return the label of the model that a request is for."""
        if context.model is None:
            return DEFAULT_MODEL
        return context.model if context.model in self._models else OTHER_MODEL

    def record_outcome(self, context: CallContext, outcome: str) -> None:
        """Count what became of an operation on one backend; `outcome` is `ok` or the type of the error."""
        self._requests[context.operation, context.backend or "", self.model(context), outcome].inc()
        if outcome != "ok":
            self._errors[outcome,].inc()

    def record_operation(self, context: CallContext, seconds: float) -> None:
        """Count an operation that took so long in all."""
        if context.cache != "coalesced":  # which waited for the upstream of another request
            self._overhead[context.operation,].observe(_added(context, seconds))
        if context.cache is not None:
            self._cache[context.operation, context.cache].inc()
        if context.fallback and context.outcome == "ok":
            self._fallbacks[context.operation, context.backend or ""].inc()
        if paid := billed_tokens(context):
            labels = (context.operation, context.backend or "", self.model(context))
            for direction, tokens in paid:
                self._tokens[*labels, direction].inc(tokens)


def _added(context: CallContext, seconds: float) -> float:
    """Return the seconds that were ours: neither an upstream's nor a wait that it asked for."""
    if context.stream is not None:
        seconds = context.stream.first_event
    return max(0.0, seconds - context.timeline.upstream_seconds - context.timeline.backoff_seconds)


def billed_tokens(context: CallContext) -> list[tuple[str, int]]:
    """Return direction and number of the tokens that the request's own upstream calls used, as far as known."""
    if context.cache in _FREE:
        return []
    counts = (("input", context.prompt_tokens), ("output", context.completion_tokens))
    return [(direction, tokens) for direction, tokens in counts if tokens is not None]
