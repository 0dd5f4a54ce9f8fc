"""Metrics of operations: backend and model, outcome, tokens, cache, and the time that this service adds."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from app.context.call_context import CallContext
from app.observability.metrics.labelled_metric import counter, histogram

OTHER_MODEL = "other"
DEFAULT_MODEL = "default"
OVERHEAD_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class OperationMetrics:
    """Metrics of operations. Models that no setting names have the label `other`, so clients cannot create series."""

    def __init__(self, registry: CollectorRegistry, models: Iterable[str]) -> None:
        self._models = frozenset(models)
        labels = ("operation", "backend", "model")
        self._requests = counter(
            registry, "ai_requests_total", "Operations by backend, model and outcome.", *labels, "outcome"
        )
        self._errors = counter(registry, "ai_request_errors_total", "Operations that failed, by error type.", "type")
        self._tokens = counter(registry, "ai_tokens_total", "Tokens of upstream calls.", *labels, "direction")
        self._fallbacks = counter(
            registry, "ai_fallbacks_total", "Operations that succeeded with a fallback.", "operation", "backend"
        )
        self._cache = counter(registry, "ai_cache_total", "Operations by cache status.", "operation", "outcome")
        self._texts = counter(
            registry, "ai_texts_total", "Texts of requests with several, by outcome.", "operation", "outcome"
        )
        self._redacted = counter(
            registry, "ai_redacted_total", "Values that placeholders replaced in upstream calls, by kind.", "type"
        )
        self._overhead = histogram(
            registry,
            "ai_overhead_seconds",
            "Time of an operation without its upstream calls and retry delays; for a stream, up to its first event.",
            "operation",
            buckets=OVERHEAD_BUCKETS,
        )

    def model(self, context: CallContext) -> str:
        """Return the label of the requested model."""
        if context.model is None:
            return DEFAULT_MODEL
        return context.model if context.model in self._models else OTHER_MODEL

    def record_outcome(self, context: CallContext, outcome: str) -> None:
        """Count the outcome of an operation on one backend: `ok` or the type of the error."""
        self._requests[context.operation, context.backend or "", self.model(context), outcome].inc()
        if outcome != "ok":
            self._errors[outcome,].inc()

    def record_text(self, context: CallContext, outcome: str) -> None:
        """Count one of several texts: `ok`, or the type of its error."""
        self._texts[context.operation, outcome].inc()

    def record_redacted(self, kind: str, values: int) -> None:
        """Count the values of a kind that placeholders replaced in one upstream call."""
        self._redacted[kind,].inc(values)

    def record_operation(self, context: CallContext, seconds: float) -> None:
        """Record an operation that took `seconds`."""
        if context.cache != "coalesced":  # its time includes another request's upstream call
            self._overhead[context.operation,].observe(_overhead(context, seconds))
        if context.cache is not None:
            self._cache[context.operation, context.cache].inc()
        if context.fallback and context.outcome == "ok":
            self._fallbacks[context.operation, context.backend or ""].inc()
        if tokens_by_direction := billed_tokens(context):
            labels = (context.operation, context.backend or "", self.model(context))
            for direction, tokens in tokens_by_direction:
                self._tokens[*labels, direction].inc(tokens)


def _overhead(context: CallContext, seconds: float) -> float:
    """Return the seconds of a request without those of upstream calls and retry delays."""
    if context.stream is not None:
        seconds = context.stream.first_event
    return max(0.0, seconds - context.timeline.upstream_seconds - context.timeline.backoff_seconds)


def billed_tokens(context: CallContext) -> list[tuple[str, int]]:
    """Return direction and number of the tokens of the request's own upstream calls; unknown numbers are left out."""
    counts = (("input", context.prompt_tokens), ("output", context.completion_tokens))
    return [(direction, tokens) for direction, tokens in counts if tokens is not None]
