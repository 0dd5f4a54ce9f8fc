"""The backend for the embedded engine: llama.cpp on a loopback port, with one small model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from app.backends.base import Backend, Plan, UpstreamRequest, UpstreamResponse
from app.backends.openai import PROBE_SECONDS, OpenAIBackend
from app.backends.openai_bodies import streaming_body
from app.backends.responses.normalize import require_success
from app.backends.tasks import extractive_summary, few_shot_sentiment
from app.backends.tasks.sentence_ranking import split_sentences
from app.backends.types import OpenAIRequest, OpenAIResult, Sentiment, Summary, SummaryRequest, Usage, Validation
from app.config import Config
from app.config.model_file import model_name
from app.errors import ModelLoading, ModelNotFound, NotSupported, UpstreamInvalidResponse, UpstreamUnavailable

T = TypeVar("T")

# the engine loads its model in about a second
RESTART_SECONDS = 1.0
# llama.cpp takes seeds of 32 bits
SEEDS = 2**32


class EmbeddedBackend(OpenAIBackend):
    """An OpenAI-compatible server that the service itself runs, with one model."""

    name = "embedded"
    shared_by_replicas = False

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._root_url = f"http://127.0.0.1:{config.embedded_port or 0}"
        self._base_url = f"{self._root_url}/v1"
        # after a streamed response llama.cpp closes keep-alive connections, sometimes during the next call
        self._headers = {"Connection": "close"}
        self._model = model_name(config.embedded_model_path)
        # the supervisor restarts the engine in about a second; a breaker open for longer would prolong the outage
        self.recovery = min(RESTART_SECONDS, config.breaker_recovery)

    @property
    def models(self) -> tuple[str, ...]:
        return (self._model,)

    def default_model(self, operation: str) -> str | None:
        return self._model

    def canonical_model(self, model: str) -> str:
        return self._model if self._serves(model) else model

    def wrap_plan(self, plan: Plan[T]) -> Plan[T]:
        """Map failures of the engine to ModelLoading, for all operations: the supervisor is restarting it."""
        try:
            return (yield from plan)
        except (UpstreamUnavailable, UpstreamInvalidResponse) as error:
            raise ModelLoading(retry_after=RESTART_SECONDS) from error

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Raise NotSupported: the mean of a causal model's states is no useful embedding."""
        raise NotSupported("The embedded engine has no embeddings; set HUGGINGFACE_API_KEY or OPENAI_BASE_URL.")

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        """Return an empty list: the settings name the engine's only model."""
        return Backend.list_models(self)

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Compare the log-probabilities of the labels after rated examples, which a small model needs."""
        model = self._resolve_model(model)
        excerpt, truncated = few_shot_sentiment.excerpt(text)
        body = {
            "prompt": few_shot_sentiment.prompt(excerpt),
            "max_tokens": 1,
            "temperature": 0,
            "logprobs": few_shot_sentiment.TOP_LOGPROBS,
        }
        generation = yield from self._generate("completions", body, text, model)
        if not generation.logprobs or not generation.logprobs[0].top:
            raise NotSupported("The embedded model gave no log-probabilities for this text; use another model.")
        scores = few_shot_sentiment.scores(generation.logprobs[0].top)
        return Sentiment(scores, usage=generation.usage, model=model, truncated=truncated)

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Let the model select among the central sentences; without its selection, return the most central ones."""
        model = self._resolve_model(model)
        min_tokens, max_tokens = extractive_summary.clamp(request.min_length, request.max_length)
        selection_tokens = min(max_tokens, extractive_summary.CANDIDATE_TOKENS)
        found = split_sentences(request.text, selection_tokens)
        candidates = extractive_summary.candidates(request.text, found, min_tokens, max_tokens)
        if not candidates:  # the text has no sentences, such as a list of words
            text = extractive_summary.summary([], found or [request.text.strip()], min_tokens, max_tokens)
            return Summary(text, usage=Usage(0, 0), model=model)
        messages = [{"role": "user", "content": extractive_summary.prompt(candidates)}]
        grammar = extractive_summary.grammar(candidates)
        body = {"max_tokens": selection_tokens, "temperature": 0, "grammar": grammar}
        generation = yield from self._chat(messages, body, model)
        selected = extractive_summary.parse_selection(generation.text, candidates)
        text = extractive_summary.summary(selected, found, min_tokens, max_tokens)
        return Summary(text, usage=generation.usage, model=model)

    def validate(self, model: str) -> Plan[Validation]:
        """Compare the name with the engine's model; no call is needed."""
        yield from ()
        try:
            self._resolve_model(model)
        except ModelNotFound as error:
            return Validation(False, error.message)
        return Validation(True, tasks=("text-generation",))

    def probe(self) -> Plan[None]:
        url = f"{self._root_url}/health"
        yield UpstreamRequest(self.name, "health", url, require_success, None, {}, PROBE_SECONDS, retryable=False)

    def _resolve_model(self, model: str | None) -> str:
        """Return the engine's model; raise ModelNotFound for another name. An owner before the name is ignored."""
        if model is not None and not self._serves(model):
            raise ModelNotFound(f"The embedded engine serves {self._model} only.")
        return self._model

    def _serves(self, model: str) -> bool:
        return model.rpartition("/")[2].lower() == self._model.lower()

    def _call(
        self, route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any] | None = None
    ) -> UpstreamRequest[Any]:
        """Stream every response: after a disconnect llama.cpp frees the slot of a streamed call only."""
        body = body or {}
        seed = {"seed": body["seed"] % SEEDS} if "seed" in body else {}
        return super()._call(route, partial(_parse, parse), {**streaming_body(body), **seed})


def _parse(parse: Callable[[UpstreamResponse], T], response: UpstreamResponse) -> T:
    """Parse a response; llama.cpp sends 500 for requests that it cannot carry out, so 500 is read as 400."""
    return parse(replace(response, status=400) if response.status == 500 else response)
