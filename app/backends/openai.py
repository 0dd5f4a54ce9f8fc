"""Any OpenAI-compatible server: TGI, vLLM, llama.cpp, Ollama, a Hugging Face Inference Endpoint."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

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
    Validation,
)
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT, TEXT, ChunkDecoder, MakeDecoder, ResponseKind
from app.backends.responses.normalize import decoded_json, require_success
from app.backends.responses.parse import completion, generation
from app.backends.tasks import prompts
from app.backends.tasks.sentence_ranking import whole_sentences
from app.backends.tasks.sentiment_from_chat import scores_of_tokens, scores_of_word, without_reasoning
from app.config import Config
from app.config.secret import Secret
from app.errors import ModelNotFound, NotSupported, UpstreamInvalidResponse, UpstreamRejected

# every server of the kind gives this many; OpenAI's own limit is 20, some have 5
TOP_LOGPROBS = 5
# the word itself is one token; without log-probabilities a reasoning model may think before it says it
SENTIMENT_TOKENS = 4
SENTIMENT_TOKENS_WITH_REASONING = 512
PROBE_SECONDS = 3.0
# what completions have and chat has not, or has in another form
_COMPLETIONS_ONLY = ("best_of", "echo", "logprobs", "suffix")


class OpenAIBackend(Backend):
    """The chat and completions routes that OpenAI's API made a standard."""

    name = "openai"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._base = config.openai_base_url or ""
        self._headers = bearer(config.openai_api_key)
        self._default_model = config.openai_default_model

    @property
    def models(self) -> tuple[str, ...]:
        named = (self._default_model, self._sentiment_model, self._summarization_model)
        return tuple(model for model in named if model)

    def generate(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "user", "content": request.prompt}]
        return self._chat(messages, options(request), model or self._default_model, stream=request.stream)

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Use the completions route; where the server has none, ask a chat model to continue."""
        model = model or self._default_model
        body = {"prompt": request.prompt, **options(request)}
        try:
            return (yield from self._generation("completions", body, request.prompt, model, stream=request.stream))
        except ModelNotFound:
            return (yield from self._continue(request, model))

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        return self._passed_on("chat/completions", CHAT, request, model or self._default_model)

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        """Use the completions route; where the server has none, ask a chat model to continue."""
        model = model or self._default_model
        try:
            return (yield from self._passed_on("completions", TEXT, request, model))
        except ModelNotFound:
            return (yield from self._passed_on("chat/completions", TEXT, as_chat(request), model))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        model = model or self._default_model
        body = _named(model, request.body)
        encoding = body.pop("encoding_format", None) or "float"
        texts = embeddings.count(body["input"])
        parse = partial(embeddings.from_openai, texts=texts, model=model, prompt=request.prompt, encoding=encoding)
        call = self._call("embeddings", parse, body)
        return (yield replace(call, deterministic=True, max_response_bytes=embeddings.MAX_VECTORS_BYTES))

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        try:
            return (yield self._call("models", _listed))
        except ModelNotFound:
            return []

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Compare token log-probabilities; where the server gives none, read the word itself."""
        model = model or self._sentiment_model or self._default_model
        messages = [{"role": "system", "content": prompts.SENTIMENT}, {"role": "user", "content": text}]
        body = {"max_tokens": SENTIMENT_TOKENS, "temperature": 0, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        try:
            answer = yield from self._chat(messages, body, model)
            scores = scores_of_tokens(answer.logprobs) or scores_of_word(answer.text)
        except UpstreamRejected:
            scores = None
        if scores is None:
            body = {"max_tokens": SENTIMENT_TOKENS_WITH_REASONING, "temperature": 0}
            answer = yield from self._chat(messages, body, model)
            scores = scores_of_word(answer.text)
        if scores is None:
            raise UpstreamInvalidResponse("The model did not name a sentiment; use another model.")
        return Sentiment(scores, answer.usage, answer.model)

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        instruction = prompts.summarize(request.max_length, request.min_length)
        messages = [{"role": "system", "content": instruction}, {"role": "user", "content": request.text}]
        body = {"max_tokens": request.max_length, "temperature": 0}
        answer = yield from self._chat(messages, body, model or self._summarization_model or self._default_model)
        summary = whole_sentences(without_reasoning(answer.text))
        if not summary:
            raise UpstreamInvalidResponse("The model gave no summary; use another model or a greater max_length.")
        return Summary(summary, answer.usage, answer.model)

    def validate(self, model: str) -> Plan[Validation]:
        """Look the model up in the server's list."""
        try:
            listed = yield self._call("models", partial(_is_listed, model=model))
        except ModelNotFound as error:
            raise NotSupported("This server has no list of its models; try the model instead.") from error
        return Validation(True) if listed else Validation(False, "The server does not list this model.")

    def probe(self) -> Plan[None]:
        yield UpstreamRequest(
            self.name,
            "models",
            f"{self._base}/models",
            require_success,
            None,
            self._headers,
            PROBE_SECONDS,
            retryable=False,
        )

    def _continue(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "system", "content": prompts.CONTINUE}, {"role": "user", "content": request.prompt}]
        return self._chat(messages, options(request), model, stream=request.stream)

    def _chat(
        self, messages: list[dict[str, str]], body: dict[str, Any], model: str | None, *, stream: bool = False
    ) -> Plan[Generation]:
        prompt = "\n".join(message["content"] for message in messages)
        return self._generation("chat/completions", {"messages": messages, **body}, prompt, model, stream=stream)

    def _generation(
        self, route: str, body: dict[str, Any], prompt: str, model: str | None, *, stream: bool = False
    ) -> Plan[Generation]:
        body = _named(model, body)
        if stream:
            return (yield self._stream(route, partial(ChunkDecoder, CHAT, model, prompt), body))
        answer = yield self._call(route, partial(generation, prompt=prompt), body)
        return Generation(answer.text, answer.finish_reason, answer.usage, model or "", answer.logprobs)

    def _passed_on(
        self, route: str, shape: ResponseKind, request: OpenAIRequest, model: str | None
    ) -> Plan[dict[str, Any]]:
        """Send a request of OpenAI's as it is, but for the model's name."""
        body = _named(model, request.body)
        if request.stream:
            return (yield self._stream(route, partial(ChunkDecoder, shape, model, request.prompt), body))
        parse = partial(completion, shape=shape, model=model, prompt=request.prompt)
        return (yield self._call(route, parse, body))

    def _stream(self, route: str, reader: MakeDecoder, body: dict[str, Any]) -> UpstreamRequest[Any]:
        """Return a call whose answer is read as it comes."""
        return replace(self._call(route, require_success, streamed(body)), make_decoder=reader)

    def _call(
        self, route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any] | None = None
    ) -> UpstreamRequest[Any]:
        deterministic = body is None or body.get("temperature") == 0 or "seed" in body
        url = f"{self._base}/{route}"
        return UpstreamRequest(self.name, route, url, parse, body, self._headers, deterministic=deterministic)


def bearer(key: Secret | None) -> Mapping[str, str]:
    """Return the headers that show a key."""
    return {"Authorization": f"Bearer {key.reveal()}"} if key else {}


def streamed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that asks for a stream, and for the usage at its end, whether or not our caller wants that."""
    return {**body, "stream": True, "stream_options": {**(body.get("stream_options") or {}), "include_usage": True}}


def as_chat(request: OpenAIRequest) -> OpenAIRequest:
    """Return a completions request as one for chat; raise NotSupported where chat cannot do what it asks."""
    body = dict(request.body)
    prompt = body.pop("prompt")
    asked = [name for name in _COMPLETIONS_ONLY if body.pop(name, None)]
    if asked or not isinstance(prompt, str):
        reason = ", ".join(asked) or "a prompt that is a list"
        raise NotSupported(f"This model is reached through chat completions, which do not take {reason}.")
    messages = [{"role": "system", "content": prompts.CONTINUE}, {"role": "user", "content": prompt}]
    return replace(request, body={"messages": messages, **body})


def _named(model: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with the model before all else: the Hugging Face router reads it from the first bytes."""
    return {**({"model": model} if model else {}), **body}


def options(request: TextRequest) -> dict[str, Any]:
    """Return the parameters of a request as the OpenAI routes name them."""
    given = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "seed": request.seed,
    }
    return {name: value for name, value in given.items() if value is not None}


def _listed(answer: UpstreamResponse) -> list[dict[str, Any]]:
    require_success(answer)
    payload = decoded_json(answer)
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise UpstreamInvalidResponse
    return [entry for entry in data if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def _is_listed(answer: UpstreamResponse, model: str) -> bool:
    return any(entry["id"] == model for entry in _listed(answer))
