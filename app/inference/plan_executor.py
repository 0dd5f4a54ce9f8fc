"""Carries out plans: on the model that was asked for, and on its fallbacks where that one is unavailable."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from app.backends.base import Backend, Generation, Plan, Sentiment, Summary, Usage
from app.context.call_context import CallContext
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
from app.inference.cached_client import CachedClient
from app.inference.model_router import ModelRouter, Target
from app.observability.metrics.registry import Metrics
from app.upstream.stream import UpstreamStream

T = TypeVar("T")

# beside outages: what says that this model or backend is unavailable, not that the input is at fault
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
    """Runs an operation's plan; notes in the request's context who answered, and counts what became of it."""

    def __init__(self, models: ModelRouter, answers: CachedClient, metrics: Metrics) -> None:
        self.models = models
        self._answers = answers
        self._metrics = metrics

    def execute(self, context: CallContext, model: str | None, plan: Callable[[Target], Plan[T]]) -> T:
        """Walk the targets of a model until one answers; raise the first one's error where none does."""
        try:
            targets = self.models.targets(model)
            with context.request.trace.operation(context, targets[0].backend.name, targets[0].name):
                return self._walk(context, targets, plan)
        except ModelNotFound as error:
            error.details = {"model": model, "available": list(self.models.names), **error.details}
            raise

    def _walk(self, context: CallContext, targets: list[Target], plan: Callable[[Target], Plan[T]]) -> T:
        first: ServiceError | None = None
        try:
            for target in targets:
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
            del first  # its traceback holds this frame: a cycle that keeps the upstream's answer in memory

    def run_target(self, context: CallContext, target: Target, plan: Callable[[Target], Plan[T]]) -> T:
        """Have one target answer. A stream is counted when it has ended."""
        context.backend = target.backend.name
        context.model = target.name
        context.cache = None
        context.pending_cache_writes.clear()
        try:
            result = self.drive_plan(context, target.backend, plan(target))
        except Exception as error:
            self._count(context, error.type if isinstance(error, ServiceError) else InternalError.type)
            raise
        if isinstance(result, UpstreamStream):
            context.model = result.decoder.model or context.model
            context.stream = result.stats
            result.stats.first_event = time.monotonic() - context.request.started
        else:
            _note(context, result)
            self._answers.commit(context)
            self._count(context, "ok")
        return result

    def stream_ended(self, context: CallContext, stream: UpstreamStream) -> None:
        """Count a stream whose outcome is known, and note what the log line tells of it."""
        facts, usage = stream.stats, stream.decoder.usage
        _note_usage(context, usage)
        context.finish_reasons = () if facts.error else (stream.decoder.finish_reason,)
        facts.end = time.monotonic() - context.request.started
        context.request.trace.end_stream(context)
        self._count(context, facts.error or "ok")
        self._metrics.streams.record_stream(context, facts)

    def _count(self, context: CallContext, outcome: str) -> None:
        context.outcome = outcome
        self._metrics.operations.record_outcome(context, outcome)

    def drive_plan(self, context: CallContext, backend: Backend, plan: Plan[T]) -> T:
        """Make the calls that a plan yields; send it each answer, or throw each error into it."""
        try:
            call = next(plan)
            while True:
                try:
                    answer: Any = self._answers.send(call, backend, context)
                except ServiceError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result


def _note(context: CallContext, result: Any) -> None:
    """Keep what the log line tells of the answer."""
    if isinstance(result, Generation):
        context.finish_reasons = (result.finish_reason,)
    if isinstance(result, Generation | Sentiment | Summary):
        context.model = result.model
        _note_usage(context, result.usage)
    elif isinstance(result, dict):
        context.model = result["model"] or context.model
        context.prompt_tokens = result["usage"].get("prompt_tokens")
        context.completion_tokens = result["usage"].get("completion_tokens")
        context.finish_reasons = [choice.get("finish_reason") for choice in result.get("choices", ())]
        context.usage_estimated = "estimated" in result["usage"]


def _note_usage(context: CallContext, usage: Usage) -> None:
    context.prompt_tokens, context.completion_tokens = usage.prompt_tokens, usage.completion_tokens
    context.usage_estimated = usage.estimated
