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
from app.context import RequestContext
from app.errors import ModelNotFound
from app.services.runner import Runner
from app.services.streams import Stream


@dataclass(frozen=True)
class InferenceService:
    """Every method takes the context of its request, the model's name as the caller gave it (None: the default),
    and raises a ServiceError where there is no answer. A request that asks for a stream gets one that has begun."""

    runner: Runner

    def generate(self, context: RequestContext, request: TextRequest, model: str | None) -> Generation | Stream:
        """Answer a prompt."""
        return self.runner.answer(context, model, lambda target: target.backend.generate(request, target.model))

    def complete(self, context: RequestContext, request: TextRequest, model: str | None) -> Generation | Stream:
        """Continue a prompt."""
        return self.runner.answer(context, model, lambda target: target.backend.complete(request, target.model))

    def chat(self, context: RequestContext, request: OpenAIRequest, model: str | None) -> dict[str, Any] | Stream:
        """Answer a conversation, as OpenAI's chat completions do."""
        return self.runner.answer(context, model, lambda target: target.backend.chat(request, target.model))

    def completions(
        self, context: RequestContext, request: OpenAIRequest, model: str | None
    ) -> dict[str, Any] | Stream:
        """Continue a prompt, as OpenAI's completions do."""
        return self.runner.answer(context, model, lambda target: target.backend.completions(request, target.model))

    def embeddings(self, context: RequestContext, request: OpenAIRequest, model: str | None) -> dict[str, Any]:
        """Turn texts into vectors, as OpenAI's embeddings do."""
        return self.runner.answer(context, model, lambda target: target.backend.embeddings(request, target.model))

    def sentiment(self, context: RequestContext, text: str, model: str | None) -> Sentiment:
        """Rate the sentiment of a text."""
        return self.runner.answer(context, model, lambda target: target.backend.sentiment(text, target.model))

    def summarize(self, context: RequestContext, request: SummaryRequest, model: str | None) -> Summary:
        """Summarize a text."""
        return self.runner.answer(context, model, lambda target: target.backend.summarize(request, target.model))

    def validate(self, context: RequestContext, model: str) -> Validation:
        """Tell whether a model can be used; no fallback can answer that."""
        try:
            target = self.runner.models.targets(model)[0]
        except ModelNotFound as error:
            return Validation(False, error.message)
        name = target.name
        if name is None:
            return Validation(False, "OPENAI_DEFAULT_MODEL is not set, so the server chooses its own default model.")
        return self.runner.ask(context, target, lambda _: target.backend.validate(name))

    def probe(self, context: RequestContext, backend: Backend) -> None:
        """Make the backend's cheapest call; raise what is wrong with it."""
        self.runner.drive(context, backend, backend.probe())
