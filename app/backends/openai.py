"""The backend for any OpenAI-compatible server: TGI, vLLM, llama.cpp, Ollama, Inference Endpoints of Hugging Face."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Backend, Plan, UpstreamRequest, UpstreamResponse
from app.backends.response_format import openai_response_format
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT, TEXT, ChunkDecoder, MakeDecoder, ResponseKind
from app.backends.responses.model_names import parse_models
from app.backends.responses.normalize import require_success
from app.backends.responses.parse import parse_completion, parse_generation
from app.backends.tasks import prompts
from app.backends.tasks.prompt_lists import complete_each
from app.backends.tasks.sentence_ranking import complete_sentences
from app.backends.tasks.sentiment_from_chat import scores_from_logprobs, scores_from_text, strip_reasoning
from app.backends.types import (
    Generation,
    OpenAIRequest,
    OpenAIResult,
    Sentiment,
    Summary,
    SummaryRequest,
    TextRequest,
    Validation,
)
from app.config import Config
from app.config.secret import Secret
from app.errors import ModelNotFound, NotSupported, UpstreamInvalidResponse, UpstreamRejected

# OpenAI allows 20, some compatible servers 5
TOP_LOGPROBS = 5
# a label is one token; the others allow for a space or a quote before it
SENTIMENT_TOKENS = 4
# without log-probabilities a reasoning model may think before it writes the label
SENTIMENT_TOKENS_WITH_REASONING = 512
PROBE_SECONDS = 3.0
# parameters of completions that chat completions lack, or have in another form
_COMPLETIONS_ONLY = ("best_of", "echo", "logprobs", "suffix")


class OpenAIBackend(Backend):
    """Calls the chat completions, completions, embeddings and models routes of OpenAI's API."""

    name = "openai"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._base_url = config.openai_base_url or ""
        self._headers = bearer(config.openai_api_key)
        self._default_model = config.openai_default_model

    @property
    def models(self) -> tuple[str, ...]:
        named = (self._default_model, self._sentiment_model, self._summarization_model)
        return tuple(model for model in named if model)

    def default_model(self, operation: str) -> str | None:
        task_models = {"sentiment": self._sentiment_model, "summarize": self._summarization_model}
        return task_models.get(operation) or self._default_model

    def generate(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "user", "content": request.prompt}]
        return self._chat(messages, request_parameters(request), self._resolve_model(model), stream=request.stream)

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Use the completions route; if the server lacks it, ask a chat model to continue."""
        model = self._resolve_model(model)
        body = {"prompt": request.prompt, **request_parameters(request)}
        try:
            return (yield from self._generate("completions", body, request.prompt, model, stream=request.stream))
        except ModelNotFound:
            return (yield from self._continue(request, model))

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        request = replace(request, body=openai_response_format(request.body))
        return self._passthrough("chat/completions", CHAT, request, self._resolve_model(model))

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Use the completions route; if the server lacks it, ask a chat model to continue."""
        model = self._resolve_model(model)
        try:
            return (yield from self._passthrough("completions", TEXT, request, model))
        except ModelNotFound:
            return (yield from self._complete_by_chat(request, model))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        model = self._resolve_model(model)
        body = _with_model(model, request.body)
        encoding = body.pop("encoding_format", None) or "float"
        count = embeddings.count_inputs(body["input"])
        parse = partial(embeddings.parse_openai, count=count, model=model, prompt=request.prompt, encoding=encoding)
        call = self._call("embeddings", parse, body)
        return (yield replace(call, deterministic=True, max_response_bytes=embeddings.MAX_VECTORS_BYTES))

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        try:
            return (yield self._call("models", parse_models))
        except ModelNotFound:
            return []

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Compare the log-probabilities of the labels; if the server returns none, parse the label itself."""
        model = self._resolve_model(model or self._sentiment_model)
        messages = [{"role": "system", "content": prompts.SENTIMENT}, {"role": "user", "content": text}]
        body = {"max_tokens": SENTIMENT_TOKENS, "temperature": 0, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        try:
            generation = yield from self._chat(messages, body, model)
            scores = scores_from_logprobs(generation.logprobs) or scores_from_text(generation.text)
        except UpstreamRejected:  # some servers reject `logprobs`
            scores = None
        if scores is None:
            body = {"max_tokens": SENTIMENT_TOKENS_WITH_REASONING, "temperature": 0}
            generation = yield from self._chat(messages, body, model)
            scores = scores_from_text(generation.text)
        if scores is None:
            raise UpstreamInvalidResponse("The model did not name a sentiment; use another model.")
        return Sentiment(scores, usage=generation.usage, model=generation.model)

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        instruction = prompts.summarize(request.max_length, request.min_length)
        messages = [{"role": "system", "content": instruction}, {"role": "user", "content": request.text}]
        body = {"max_tokens": request.max_length, "temperature": 0}
        generation = yield from self._chat(messages, body, self._resolve_model(model or self._summarization_model))
        summary = complete_sentences(strip_reasoning(generation.text))
        if not summary:
            raise UpstreamInvalidResponse("The model gave no summary; use another model or a greater max_length.")
        return Summary(summary, usage=generation.usage, model=generation.model)

    def validate(self, model: str) -> Plan[Validation]:
        """Look the model up in the server's list."""
        try:
            listed = yield self._call("models", partial(_lists_model, model=model))
        except ModelNotFound as error:
            raise NotSupported("This server has no list of its models; try the model instead.") from error
        return Validation(True) if listed else Validation(False, "The server does not list this model.")

    def probe(self) -> Plan[None]:
        yield UpstreamRequest(
            self.name,
            "models",
            f"{self._base_url}/models",
            require_success,
            None,
            self._headers,
            PROBE_SECONDS,
            retryable=False,
        )

    def _resolve_model(self, model: str | None) -> str | None:
        """Return the model to send; None leaves the choice to the server."""
        return model or self._default_model

    def _complete_by_chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        def complete(one: OpenAIRequest) -> Plan[OpenAIResult]:
            return self._passthrough("chat/completions", TEXT, as_chat(one), model)

        return complete_each(request, complete)

    def _continue(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "system", "content": prompts.CONTINUE}, {"role": "user", "content": request.prompt}]
        return self._chat(messages, request_parameters(request), model, stream=request.stream)

    def _chat(
        self, messages: list[dict[str, str]], body: dict[str, Any], model: str | None, *, stream: bool = False
    ) -> Plan[Generation]:
        prompt = "\n".join(message["content"] for message in messages)
        return self._generate("chat/completions", {"messages": messages, **body}, prompt, model, stream=stream)

    def _generate(
        self, route: str, body: dict[str, Any], prompt: str, model: str | None, *, stream: bool = False
    ) -> Plan[Generation]:
        body = _with_model(model, body)
        if stream:
            return (yield self._stream(route, partial(ChunkDecoder, CHAT, model, prompt), body))
        return (yield self._call(route, partial(parse_generation, model=model, prompt=prompt), body))

    def _passthrough(
        self, route: str, kind: ResponseKind, request: OpenAIRequest, model: str | None
    ) -> Plan[OpenAIResult]:
        """Send the client's body unchanged except for the model."""
        body = _with_model(model, request.body)
        if request.stream:
            return (yield self._stream(route, partial(ChunkDecoder, kind, model, request.prompt), body))
        parse = partial(parse_completion, kind=kind, model=model, prompt=request.prompt)
        return (yield self._call(route, parse, body))

    def _stream(self, route: str, make_decoder: MakeDecoder, body: dict[str, Any]) -> UpstreamRequest[Any]:
        """Return a call whose response is decoded chunk by chunk."""
        return replace(self._call(route, require_success, streaming_body(body)), make_decoder=make_decoder)

    def _call(
        self, route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any] | None = None
    ) -> UpstreamRequest[Any]:
        deterministic = body is None or body.get("temperature") == 0 or "seed" in body
        url = f"{self._base_url}/{route}"
        return UpstreamRequest(self.name, route, url, parse, body, self._headers, deterministic=deterministic)


def bearer(key: Secret | None) -> Mapping[str, str]:
    """Return the Authorization header of a key, if there is one."""
    return {"Authorization": f"Bearer {key.reveal()}"} if key else {}


def streaming_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with `stream` set, and with usage in the last chunk: the service needs it for its metrics."""
    return {**body, "stream": True, "stream_options": {**(body.get("stream_options") or {}), "include_usage": True}}


def as_chat(request: OpenAIRequest) -> OpenAIRequest:
    """Turn a completions request into a chat request; raise NotSupported if chat completions lack a parameter."""
    body = dict(request.body)
    prompt = body.pop("prompt")
    unsupported = [name for name in _COMPLETIONS_ONLY if body.pop(name, None)]
    if unsupported or not isinstance(prompt, str):
        reason = ", ".join(unsupported) or "a prompt that is a list"
        raise NotSupported(f"This model is reached through chat completions, which do not take {reason}.")
    messages = [{"role": "system", "content": prompts.CONTINUE}, {"role": "user", "content": prompt}]
    return replace(request, body={"messages": messages, **body})


def _with_model(model: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with the model as its first field: the Hugging Face router parses only the first bytes."""
    return {**({"model": model} if model else {}), **body}


def request_parameters(request: TextRequest) -> dict[str, Any]:
    """Return a request's parameters under the names that OpenAI's routes use."""
    parameters = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "seed": request.seed,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _lists_model(response: UpstreamResponse, model: str) -> bool:
    return any(entry["id"] == model for entry in parse_models(response))
