"""Runs a backend's plan on the requested model and, if that is unavailable, on its fallbacks."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from app.backends.base import Backend, Plan, UpstreamRequest
from app.backends.types import Result
from app.config.model_ref import ModelRef
from app.context.call_context import SHARED_STATUSES, CallContext
from app.errors import (
    CircuitOpen,
    InternalError,
    ModelLoading,
    ModelNotFound,
    Overloaded,
    ServiceError,
    UpstreamAuthenticationError,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
)
from app.inference.model_router import ModelRouter, Target
from app.inference.redaction.client import RedactingClient
from app.observability.metrics.registry import Metrics
from app.upstream.stream import UpstreamStream

T = TypeVar("T")
R = TypeVar("R", bound=Result)

# beside errors with `counts_as_failure`: the model or backend is unavailable, while the request itself is valid
_UNAVAILABLE = (
    CircuitOpen,
    Overloaded,
    ModelLoading,
    ModelNotFound,
    UpstreamAuthenticationError,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
)


class PlanExecutor:
    """Runs an operation's plan, records its result in the call context, and counts its outcome."""

    def __init__(self, models: ModelRouter, client: RedactingClient, metrics: Metrics) -> None:
        self.models = models
        self._client = client
        self._metrics = metrics

    def execute(self, context: CallContext, model: str | None, plan: Callable[[Target], Plan[R]]) -> R:
        """Run the plan on the model's targets until one succeeds; raise the first target's error if all fail."""
        try:
            targets = self.models.targets(model, context.task, context.allowed_models)
            first = targets[0]
            with context.request.trace.operation(context, first.backend.name, first.model_for(context.task)):
                return self._try_targets(context, targets, plan)
        except ModelNotFound as error:
            error.details = {
                "model": model,
                "available": self.models.permitted_names(context.allowed_models),
                **error.details,
            }
            raise

    def _try_targets(self, context: CallContext, targets: list[Target], plan: Callable[[Target], Plan[R]]) -> R:
        first: ServiceError | None = None
        try:
            for target in targets:
                if first is not None and _was_asked(context, target):
                    continue
                context.fallback = first is not None
                try:
                    return self.run_target(context, target, plan)
                except ServiceError as error:
                    first = first or error
                    unavailable = error.counts_as_failure or isinstance(error, _UNAVAILABLE)
                    if not unavailable or not context.deadline.remaining():
                        break
            raise first or ModelNotFound
        finally:
            del first  # its traceback refers to this frame: a cycle that would hold the upstream's response in memory

    def run_target(self, context: CallContext, target: Target, plan: Callable[[Target], Plan[T]]) -> T:
        """Run the plan on one target. The outcome of a stream is counted at its end, by `stream_ended`."""
        context.backend = target.backend.name
        context.model = target.model_for(context.task)
        context.cache = None
        context.pending_cache_writes.clear()
        tokens_before = context.total_tokens
        try:
            result = self.drive_plan(context, target.backend, plan(target))
        except Exception as error:
            self._record_outcome(context, error.type if isinstance(error, ServiceError) else InternalError.type)
            raise
        if isinstance(result, UpstreamStream):
            context.model = result.decoder.model or context.model
            context.stream = result.stats
            result.stats.first_event = time.monotonic() - context.request.started
        else:
            _record_result(context, result, tokens_before)
            self._client.commit(context)
            self._record_outcome(context, "ok")
        return result

    def stream_ended(self, context: CallContext, stream: UpstreamStream) -> None:
        """Record usage and outcome of a stream that has ended."""
        stats = stream.stats
        context.add_usage(stream.decoder.usage)
        context.finish_reasons = () if stats.error else (stream.decoder.finish_reason,)
        stats.end = time.monotonic() - context.request.started
        context.request.trace.end_stream(context)
        self._record_outcome(context, stats.error or "ok")
        self._metrics.streams.record_stream(context, stats)

    def _record_outcome(self, context: CallContext, outcome: str) -> None:
        context.outcome = outcome
        self._metrics.operations.record_outcome(context, outcome)

    def drive_plan(self, context: CallContext, backend: Backend, plan: Plan[T]) -> T:
        """Make the calls that a plan yields; send each response, or throw each error, into the plan."""
        plan = backend.wrap_plan(plan)
        try:
            call = next(plan)
            while True:
                try:
                    self._require_permitted(call, backend, context)
                    response: Any = self._client.send(call, backend, context)
                except ServiceError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(response)
        except StopIteration as end:
            result: T = end.value
            return result

    def _require_permitted(self, call: UpstreamRequest[Any], backend: Backend, context: CallContext) -> None:
        """Raise ModelNotFound if a call names a model that may not answer; a plan may turn to another model."""
        if context.allowed_models is None or call.body is None or (model := call.body.get("model")) is None:
            return
        if not self.models.permits_ref(context.allowed_models, ModelRef(backend.name, model)):
            raise ModelNotFound


def _was_asked(context: CallContext, target: Target) -> bool:
    """Return whether the target's model was asked in this request, under any of its names."""
    model = target.model_for(context.task)
    return model is not None and (target.backend.name, target.backend.canonical_model(model)) in context.asked_models


def _record_result(context: CallContext, result: object, tokens_before: int) -> None:
    """Record model, finish reasons and usage; validations and lists of models have none.

    The upstream client has added the usage of each response that has one. Responses of pipelines have none: then the
    plan's estimate is added, unless another request's call or the cache gave the response.
    """
    if isinstance(result, Result):
        context.model = result.model or context.model
        context.finish_reasons = result.finish_reasons
        if context.total_tokens == tokens_before and context.cache not in SHARED_STATUSES:
            context.add_usage(result.usage)
