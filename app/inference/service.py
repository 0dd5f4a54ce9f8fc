"""The AI operations: each has a backend make its plan, and the runner carry it out."""

from dataclasses import dataclass
from typing import Any

from app.backends.base import (
    Backend,
    Generation,
    OpenAIRequest,
    Sentiment,
    Summary,
    SummaryRequest,
    TextRequest,
    Validation,
)
from app.context.call_context import CallContext
from app.errors import ModelNotFound
from app.inference.plan_executor import PlanExecutor
from app.upstream.stream import UpstreamStream


@dataclass(frozen=True)
class InferenceService:
    """Every method takes the context of its request, the model's name as the caller gave it (None: the default),
    and raises a ServiceError where there is no answer. A request that asks for a stream gets one that has begun."""

    runner: PlanExecutor

    def generate(self, context: CallContext, request: TextRequest, model: str | None) -> Generation | UpstreamStream:
        """Answer a prompt."""
        return self.runner.execute(context, model, lambda target: target.backend.generate(request, target.model))

    def complete(self, context: CallContext, request: TextRequest, model: str | None) -> Generation | UpstreamStream:
        """Continue a prompt."""
        return self.runner.execute(context, model, lambda target: target.backend.complete(request, target.model))

    def chat(self, context: CallContext, request: OpenAIRequest, model: str | None) -> dict[str, Any] | UpstreamStream:
        """Answer a conversation, as OpenAI's chat completions do."""
        return self.runner.execute(context, model, lambda target: target.backend.chat(request, target.model))

    def completions(
        self, context: CallContext, request: OpenAIRequest, model: str | None
    ) -> dict[str, Any] | UpstreamStream:
        """Continue a prompt, as OpenAI's completions do."""
        return self.runner.execute(context, model, lambda target: target.backend.completions(request, target.model))

    def embeddings(self, context: CallContext, request: OpenAIRequest, model: str | None) -> dict[str, Any]:
        """Turn texts into vectors, as OpenAI's embeddings do."""
        return self.runner.execute(context, model, lambda target: target.backend.embeddings(request, target.model))

    def sentiment(self, context: CallContext, text: str, model: str | None) -> Sentiment:
        """Rate the sentiment of a text."""
        return self.runner.execute(context, model, lambda target: target.backend.sentiment(text, target.model))

    def summarize(self, context: CallContext, request: SummaryRequest, model: str | None) -> Summary:
        """Summarize a text."""
        return self.runner.execute(context, model, lambda target: target.backend.summarize(request, target.model))

    def validate(self, context: CallContext, model: str) -> Validation:
        """Tell whether a model can be used; no fallback can answer that."""
        try:
            target = self.runner.models.targets(model)[0]
        except ModelNotFound as error:
            return Validation(False, error.message)
        name = target.name
        if name is None:
            return Validation(False, "OPENAI_DEFAULT_MODEL is not set, so the server chooses its own default model.")
        return self.runner.run_target(context, target, lambda _: target.backend.validate(name))

    def probe(self, context: CallContext, backend: Backend) -> None:
        """Make the backend's cheapest call; raise what is wrong with it."""
        self.runner.drive_plan(context, backend, backend.probe())
