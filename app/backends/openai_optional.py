"""The operations for which only some OpenAI-compatible servers have a route; the others have another way."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.class_probabilities import class_probabilities, classify_requests, parse_classify
from app.backends.classification import by_route_or_sentiment, by_sentiment, classify_each, predict_call
from app.backends.moderation import NOT_A_GUARD, Rate, moderate, moderation_inputs, rate_by_guard, require_model
from app.backends.openai_bodies import with_model
from app.backends.openai_calls import OpenAICalls
from app.backends.optional_routes import OptionalRoutes
from app.backends.reranking import RerankRoutes, embed_all, rank_by_embeddings, require_embeddings
from app.backends.responses import embeddings
from app.backends.responses.moderations import parse_moderations
from app.backends.responses.normalize import require_success
from app.backends.responses.responses_decoder import ResponsesDecoder, parse_response
from app.backends.responses.tokens import MAX_TOKENS_BYTES
from app.backends.responses_route import ResponsesRoute
from app.backends.tasks.batches import Batches
from app.backends.tasks.guards import guard_of
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
    Vectors,
)
from app.config import Config
from app.errors import ModelNotFound, NotSupported


class OptionalOperations(OpenAICalls):
    """The operations that look for a route of the server first."""

    # whether the base URL is that of one server, which may have routes beside OpenAI's
    _is_server = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._optional_routes = OptionalRoutes()
        self._batches = Batches()
        self._responses_route = ResponsesRoute(config.openai_responses, config.huggingface_timeout)

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

    def rerank(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Use the server's own route; without one, compare embeddings."""
        model = self._resolve_model(model or self._rerank_model)
        routes = RerankRoutes(self._base_url.removesuffix("/v1"), self._optional_routes, self._batches)
        ranking = yield from routes.rank(self._call, request, model)
        return ranking or (yield from require_embeddings(self.similarity(request, model)))

    def similarity(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        return rank_by_embeddings(self._batches, partial(self.embeddings, model=model), request)

    def vectors(self, texts: Sequence[str], model: str | None) -> Plan[Vectors]:
        return embed_all(self._batches, partial(self.embeddings, model=model), texts)

    def predict(self, requests: Sequence[ClassifyRequest], model: str | None) -> Plan[Classifications]:
        """Use the route of text-embeddings-inference; without it, rate the sentiment."""
        model = self._resolve_model(model or self._sentiment_model)
        make_call = partial(predict_call, self._call, self._base_url.removesuffix("/v1"), model)
        rate = partial(self.sentiment, model=model)
        return classify_each(requests, partial(by_route_or_sentiment, self._optional_routes, make_call, rate))

    def predict_by_sentiment(self, requests: Sequence[ClassifyRequest], model: str | None) -> Plan[Classifications]:
        """Return the sentiments as labels."""
        return classify_each(requests, partial(by_sentiment, partial(self.sentiment, model=model)))

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

    def vllm_classify(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
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
