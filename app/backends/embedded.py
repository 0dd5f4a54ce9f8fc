"""The embedded engine: llama.cpp on a loopback port, with one small model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from app.backends.base import (
    Backend,
    Generation,
    OpenAIRequest,
    Plan,
    Sentiment,
    Summary,
    SummaryRequest,
    TextRequest,
    UpstreamRequest,
    UpstreamResponse,
    Usage,
    Validation,
)
from app.backends.openai import PROBE_SECONDS, OpenAIBackend, streamed
from app.backends.responses.normalize import require_success
from app.backends.tasks import extractive_summary, few_shot_sentiment
from app.backends.tasks.sentence_ranking import sentences
from app.config import Config
from app.config.model_file import model_name
from app.errors import ModelLoading, ModelNotFound, NotSupported, UpstreamInvalidResponse, UpstreamUnavailable

T = TypeVar("T")

# the engine loads its model in about a second
RESTART_SECONDS = 1.0
# llama.cpp takes seeds of 32 bits
SEEDS = 2**32


class EmbeddedBackend(OpenAIBackend):
    """An OpenAI-compatible server of ours: it serves one model, and where it is away it is being started."""

    name = "embedded"
    shared_by_replicas = False

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._root = f"http://127.0.0.1:{config.embedded_port or 0}"
        self._base = f"{self._root}/v1"
        # after a streamed answer llama.cpp closes kept connections, sometimes in the middle of the next call
        self._headers = {"Connection": "close"}
        self._default_model = self._model = model_name(config.embedded_model_path)
        # the supervisor brings a dead engine back in about a second: a breaker that waits longer would be the outage
        self.recovery = min(RESTART_SECONDS, config.breaker_recovery)

    @property
    def models(self) -> tuple[str, ...]:
        return (self._model,)

    def generate(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        return self._local(super().generate(request, self._served(model)))

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        return self._local(super().complete(request, self._served(model)))

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        return self._local(super().chat(request, self._served(model)))

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        return self._local(super().completions(request, self._served(model)))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        """Refuse: the mean of a causal model's states is no embedding."""
        raise NotSupported("The embedded engine has no embeddings; set HUGGINGFACE_API_KEY or OPENAI_BASE_URL.")

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        """Return none: the one model that the engine serves is named by the settings."""
        return Backend.list_models(self)

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Compare the log-probabilities of one token after a few rated examples; a small model needs both."""
        return self._local(self._rated(text, self._served(model)))

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        return self._local(self._summary(request, self._served(model)))

    def validate(self, model: str) -> Plan[Validation]:
        """Compare the name with the model's; no call is needed."""
        yield from ()
        try:
            self._served(model)
        except ModelNotFound as error:
            return Validation(False, error.message)
        return Validation(True, tasks=("text-generation",))

    def probe(self) -> Plan[None]:
        url = f"{self._root}/health"
        call = UpstreamRequest(self.name, "health", url, require_success, None, {}, PROBE_SECONDS, retryable=False)
        return self._local(_single(call))

    def _rated(self, text: str, model: str) -> Plan[Sentiment]:
        body = {"max_tokens": 1, "temperature": 0, "logprobs": few_shot_sentiment.TOP_LOGPROBS}
        answer = yield from self._generation(
            "completions", {"prompt": few_shot_sentiment.prompt(text), **body}, text, model
        )
        if not answer.logprobs or not answer.logprobs[0].top:
            raise NotSupported("The embedded model gave no log-probabilities for this text; use another model.")
        return Sentiment(few_shot_sentiment.scores(answer.logprobs[0].top), answer.usage, model)

    def _summary(self, request: SummaryRequest, model: str) -> Plan[Summary]:
        """Have the model choose among the central sentences; where it cannot, the most central are the summary."""
        shortest, longest = (
            min(length, extractive_summary.MOST_TOKENS) for length in (request.min_length, request.max_length)
        )
        found = sentences(request.text, min(longest, extractive_summary.OFFERED_TOKENS))
        choices = extractive_summary.candidates(request.text, found, shortest, longest)
        if not choices:  # no sentences, such as a list of words or of digits: nothing that a model could choose
            return Summary(
                extractive_summary.summary([], found or [request.text.strip()], shortest, longest), Usage(0, 0), model
            )
        messages = [{"role": "user", "content": extractive_summary.prompt(choices)}]
        most = min(longest, extractive_summary.OFFERED_TOKENS)
        body = {"max_tokens": most, "temperature": 0, "grammar": extractive_summary.grammar(choices)}
        answer = yield from self._chat(messages, body, model)
        said = extractive_summary.parse_selection(answer.text, choices)
        return Summary(extractive_summary.summary(said, found, shortest, longest), answer.usage, model)

    def _served(self, model: str | None) -> str:
        """Return the model's name; raise ModelNotFound where another is asked for. An owner before it is left out."""
        if model is not None and model.rpartition("/")[2].lower() != self._model.lower():
            raise ModelNotFound(f"The embedded engine serves {self._model} only.")
        return self._model

    def _call(
        self, route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any] | None = None
    ) -> UpstreamRequest[Any]:
        """Stream from the engine: a call that is not streamed holds its slot to the end when its caller has gone."""
        body = body or {}
        seed = {"seed": body["seed"] % SEEDS} if "seed" in body else {}
        return super()._call(route, partial(_parsed, parse), {**streamed(body), **seed})

    def _local(self, plan: Plan[T]) -> Plan[T]:
        """Run a plan; an engine that is away, or went away in mid-answer, is being started again."""
        try:
            return (yield from plan)
        except (UpstreamUnavailable, UpstreamInvalidResponse) as error:
            raise ModelLoading(retry_after=RESTART_SECONDS) from error


def _parsed(parse: Callable[[UpstreamResponse], T], answer: UpstreamResponse) -> T:
    """Parse an answer of the engine, which says 500 where it cannot do what it was asked; when it fails it is gone."""
    return parse(replace(answer, status=400) if answer.status == 500 else answer)


def _single(call: UpstreamRequest[T]) -> Plan[T]:
    return (yield call)
