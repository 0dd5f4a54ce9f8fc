"""The backend for any OpenAI-compatible server: TGI, vLLM, llama.cpp, Ollama, Inference Endpoints of Hugging Face."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.chat_sentiment import ChatSentiment
from app.backends.class_probabilities import class_probabilities, classify_requests, parse_classify
from app.backends.classification import by_route_or_sentiment, by_sentiment, classify_each, predict_call
from app.backends.moderation import NOT_A_GUARD, Rate, moderate, moderation_inputs, rate_by_guard, require_model
from app.backends.openai_bodies import as_chat, request_parameters, with_model
from app.backends.openai_calls import RENAMED_IN_CHAT, OpenAICalls
from app.backends.optional_routes import OptionalRoutes
from app.backends.reranking import RerankRoutes, rank_by_embeddings, require_embeddings
from app.backends.response_format import openai_response_format
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT, TEXT
from app.backends.responses.model_names import parse_models
from app.backends.responses.moderations import parse_moderations
from app.backends.responses.normalize import require_success
from app.backends.responses.responses_decoder import ResponsesDecoder, parse_response
from app.backends.responses.tokens import MAX_TOKENS_BYTES
from app.backends.responses_route import ResponsesRoute
from app.backends.tasks import prompts
from app.backends.tasks.batches import Batches
from app.backends.tasks.guards import guard_of
from app.backends.tasks.prompt_lists import complete_each
from app.backends.tasks.sentence_ranking import complete_sentences
from app.backends.tasks.sentiment_from_chat import strip_reasoning
from app.backends.tokenization import Detokenization, Tokenization, TokenizeRequest
from app.backends.tokenizers import Tokenizer
from app.backends.types import (
    Classifications,
    ClassifyRequest,
    Generation,
    OpenAIRequest,
    OpenAIResult,
    Ranking,
    RerankRequest,
    ResponsesRequest,
    ResponsesResult,
    Sentiment,
    Summary,
    SummaryRequest,
    TextRequest,
    Validation,
)
from app.config import Config
from app.errors import ModelNotFound, NotSupported, UpstreamInvalidResponse

PROBE_SECONDS = 3.0


class OpenAIBackend(OpenAICalls):
    """Calls the chat completions, completions, embeddings and models routes of OpenAI's API."""

    name = "openai"
    # whether the base URL is that of one server, which may have routes beside OpenAI's
    _is_server = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._chat_sentiment = ChatSentiment()
        self._optional_routes = OptionalRoutes()
        self._batches = Batches()
        self._responses_route = ResponsesRoute(config.openai_responses, config.huggingface_timeout)

    def generate(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "user", "content": request.prompt}]
        return self._chat_about(messages, request, self._resolve_model(model))

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Use the completions route; if the server lacks it, ask a chat model to continue."""
        model = self._resolve_model(model)
        body = {"prompt": request.prompt, **request_parameters(request)}
        try:
            added = {name: None for name in request.defaulted if name not in RENAMED_IN_CHAT}
            return (yield from self._generate("completions", body, request.prompt, model, added, stream=request.stream))
        except (ModelNotFound, NotSupported):
            return (yield from self._continue(request, model))

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        request = replace(request, body=openai_response_format(request.body))
        return self._passthrough("chat/completions", CHAT, request, self._resolve_model(model))

    def responses(self, request: ResponsesRequest, model: str | None) -> Plan[OpenAIResult | ResponsesResult]:
        """Use the server's own route if it has one, else chat completions."""
        model = self._resolve_model(model)
        body = with_model(model, request.body)
        make_decoder = partial(
            ResponsesDecoder, model, request.chat.prompt, accepts_imitations=self._responses_route.is_certain
        )
        call = self._call("responses", partial(parse_response, make_decoder=make_decoder), body)
        if request.chat.stream:
            call = replace(call, parse=require_success, make_decoder=make_decoder)
        return self._responses_route.respond(call, lambda: self.chat(request.chat, model))

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Use the completions route; if the server lacks it, ask a chat model to continue."""
        model = self._resolve_model(model)
        try:
            return (yield from self._passthrough("completions", TEXT, request, model))
        except (ModelNotFound, NotSupported):
            return (yield from self._complete_by_chat(request, model))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        model = self._resolve_model(model)
        body = with_model(model, request.body)
        encoding = body.pop("encoding_format", None) or "float"
        count = embeddings.count_inputs(body["input"])
        parse = partial(embeddings.parse_openai, count=count, model=model, prompt=request.prompt, encoding=encoding)
        call = self._call("embeddings", parse, body)
        return (yield replace(call, deterministic=True, max_response_bytes=embeddings.MAX_VECTORS_BYTES))

    def rerank(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Use the server's own route; without one, compare embeddings."""
        model = self._resolve_model(model or self._rerank_model)
        routes = RerankRoutes(self._base_url.removesuffix("/v1"), self._optional_routes, self._batches)
        ranking = yield from routes.rank(self._call, request, model)
        return ranking or (yield from require_embeddings(self.similarity(request, model)))

    def similarity(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        return rank_by_embeddings(self._batches, partial(self.embeddings, model=model), request)

    def predict(self, requests: Sequence[ClassifyRequest], model: str | None) -> Plan[Classifications]:
        """Use the route of text-embeddings-inference; without it, rate the sentiment."""
        model = self._resolve_model(model or self._sentiment_model)
        make_call = partial(predict_call, self._call, self._base_url.removesuffix("/v1"), model)
        rate = partial(self.sentiment, model=model)
        return classify_each(requests, partial(by_route_or_sentiment, self._optional_routes, make_call, rate))

    def predict_by_sentiment(self, requests: Sequence[ClassifyRequest], model: str | None) -> Plan[Classifications]:
        """Return the sentiments as labels."""
        return classify_each(requests, partial(by_sentiment, partial(self.sentiment, model=model)))

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        try:
            return (yield self._call("models", parse_models))
        except ModelNotFound:
            return []

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Ask a chat model for the label."""
        model = self._resolve_model(model or self._sentiment_model)
        messages = [{"role": "system", "content": prompts.SENTIMENT}, {"role": "user", "content": text}]
        return (yield from self._chat_sentiment.rate(lambda body: self._chat(messages, body, model), model))

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        instruction = prompts.summarize(request.max_length, request.min_length)
        messages = [{"role": "system", "content": instruction}, {"role": "user", "content": request.text}]
        body = {"max_tokens": request.max_length, "temperature": 0}
        generation = yield from self._chat(messages, body, self._resolve_model(model or self._summarization_model))
        summary = complete_sentences(strip_reasoning(generation.text))
        if not summary:
            raise UpstreamInvalidResponse("The model gave no summary; use another model or a greater max_length.")
        return Summary(summary, usage=generation.usage, model=generation.model)

    def moderations(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Use the server's own route; without one, a guard or a classifier."""
        name = require_model(model or self._moderation_model)
        inputs = moderation_inputs(request.body["input"])
        if self._is_server:
            parse = partial(parse_moderations, count=len(inputs), model=name, prompt=request.prompt)
            call = replace(self._call("moderations", parse, with_model(name, request.body)), deterministic=True)
            if found := (yield from self._optional_routes.call(call)):
                return found
        return (yield from moderate(inputs, self._rater(name), name))

    def classify(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Use the server's own route; without one, what `predict` uses."""
        name, value = self._resolve_model(model or self._sentiment_model), request.body["input"]
        if self._is_server:
            count = embeddings.count_inputs(value)
            parse = partial(parse_classify, count=count, model=name, prompt=request.prompt)
            call = self._root_call("classify", parse, with_model(name, request.body))
            if found := (yield from self._optional_routes.call(call)):
                return found
        requests = classify_requests(value)
        try:
            predicted = yield from self.predict(requests, model)
        except ModelNotFound:
            if model is not None:
                raise
            predicted = yield from self.predict_by_sentiment(requests, model)
        return class_probabilities(predicted, request.prompt)

    def tokenize(self, request: TokenizeRequest, model: str | None) -> Plan[Tokenization]:
        return self._tokenizer(model).tokenize(request)

    def detokenize(self, tokens: Sequence[int], model: str | None) -> Plan[Detokenization]:
        return self._tokenizer(model).detokenize(tokens)

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

    def _rater(self, model: str) -> Rate:
        """Return what rates an input; raise NotSupported for a model that is no guard."""
        guard = guard_of(model)
        if guard is None:
            raise NotSupported(NOT_A_GUARD, details={"model": model})

        def chat(body: dict[str, Any], text: str) -> Plan[Generation]:
            added = dict.fromkeys(("max_tokens", "temperature"))
            return self._generate("chat/completions", body, text, model, added)

        return partial(rate_by_guard, guard, chat)

    def _tokenizer(self, model: str | None) -> Tokenizer:
        def call(route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any]) -> UpstreamRequest[Any]:
            return replace(self._root_call(route, parse, body), max_response_bytes=MAX_TOKENS_BYTES)

        return Tokenizer(call, self._optional_routes, self._resolve_model(model))

    def _complete_by_chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        def complete(one: OpenAIRequest) -> Plan[OpenAIResult]:
            return self._passthrough("chat/completions", TEXT, as_chat(one), model)

        return complete_each(request, complete)

    def _continue(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "system", "content": prompts.CONTINUE}, {"role": "user", "content": request.prompt}]
        return self._chat_about(messages, request, model)

    def _chat_about(self, messages: list[dict[str, str]], request: TextRequest, model: str | None) -> Plan[Generation]:
        """Chat with the parameters of a text request; the server may have another name for its `max_tokens`."""
        added = dict.fromkeys((*RENAMED_IN_CHAT, *request.defaulted))
        return self._chat(messages, request_parameters(request), model, added, stream=request.stream)


def _lists_model(response: UpstreamResponse, model: str) -> bool:
    return any(entry["id"] == model for entry in parse_models(response))
