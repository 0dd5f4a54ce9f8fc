"""The AI operations: each picks its backend, drives the backend's plan, and falls back where a model is unavailable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.backends.base import Backend, Generation, Plan, Sentiment, Summary, SummaryRequest, TextRequest, Validation
from app.context import RequestContext
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
from app.metrics import Metrics
from app.services.answers import Answers
from app.services.models import Models, Target

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


@dataclass(frozen=True)
class InferenceService:
    """Every method takes the context of its request, the model's name as the caller gave it (None: the default),
    and raises a ServiceError where there is no answer."""

    models: Models
    answers: Answers
    metrics: Metrics

    def generate(self, context: RequestContext, request: TextRequest, model: str | None) -> Generation:
        """Answer a prompt."""
        return self._answer(context, model, lambda target: target.backend.generate(request, target.model))

    def complete(self, context: RequestContext, request: TextRequest, model: str | None) -> Generation:
        """Continue a prompt."""
        return self._answer(context, model, lambda target: target.backend.complete(request, target.model))

    def sentiment(self, context: RequestContext, text: str, model: str | None) -> Sentiment:
        """Rate the sentiment of a text."""
        return self._answer(context, model, lambda target: target.backend.sentiment(text, target.model))

    def summarize(self, context: RequestContext, request: SummaryRequest, model: str | None) -> Summary:
        """Summarize a text."""
        return self._answer(context, model, lambda target: target.backend.summarize(request, target.model))

    def validate(self, context: RequestContext, model: str) -> Validation:
        """Tell whether a model can be used; no fallback can answer that."""
        try:
            target = self.models.targets(model)[0]
        except ModelNotFound as error:
            return Validation(False, error.message)
        name = target.name
        if name is None:
            return Validation(False, "OPENAI_DEFAULT_MODEL is not set, so the server chooses its own default model.")
        return self._measured(context, target, lambda _: target.backend.validate(name))

    def probe(self, context: RequestContext, backend: Backend) -> None:
        """Make the backend's cheapest call; raise what is wrong with it."""
        self._drive(context, backend, backend.probe())

    def _answer(self, context: RequestContext, model: str | None, plan: Callable[[Target], Plan[T]]) -> T:
        """Walk the targets of a model until one answers; raise the first one's error where none does."""
        first: ServiceError | None = None
        try:
            for target in self.models.targets(model):
                context.fallback = first is not None
                try:
                    return self._measured(context, target, plan)
                except ServiceError as error:
                    first = first or error
                    unavailable = error.outage or isinstance(error, _UNAVAILABLE)
                    if not unavailable or not context.deadline.remaining():
                        break
            raise first or ModelNotFound
        except ModelNotFound as error:
            error.details = {"model": model, "available": self.models.known, **error.details}
            raise
        finally:
            del first  # its traceback holds this frame: a cycle that keeps the upstream's answer in memory

    def _measured(self, context: RequestContext, target: Target, plan: Callable[[Target], Plan[T]]) -> T:
        context.backend = target.backend.name
        context.model = target.name
        context.cache = None
        context.to_keep.clear()
        outcome = InternalError.type
        try:
            result = self._drive(context, target.backend, plan(target))
            _note(context, result)
            self.answers.keep(context)
            outcome = "ok"
            return result
        except ServiceError as error:
            outcome = error.type
            raise
        finally:
            self.metrics.operation(context.operation, context.backend, context.model, outcome)

    def _drive(self, context: RequestContext, backend: Backend, plan: Plan[T]) -> T:
        """Make the calls that a plan yields; send it each answer, or throw each error into it."""
        try:
            call = next(plan)
            while True:
                try:
                    answer: Any = self.answers.to(call, backend, context)
                except ServiceError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result


def _note(context: RequestContext, result: Any) -> None:
    """Keep what the log line tells of the answer."""
    if isinstance(result, Generation | Sentiment | Summary):
        context.model = result.model
        context.prompt_tokens = result.usage.prompt_tokens
        context.completion_tokens = result.usage.completion_tokens
