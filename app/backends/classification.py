"""Classifies texts by a server's route for it, by a pipeline, or by their sentiment."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.openai_bodies import with_model
from app.backends.optional_routes import OptionalRoutes
from app.backends.responses.labels import parse_predictions, parse_text_classification
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.pipeline_inputs import ENCODER_MAX_TOKENS, leading_of_each, read_inputs
from app.backends.text_types import SentimentRequest
from app.backends.types import Classification, Classifications, ClassifyRequest, Sentiment, Usage
from app.errors import NotSupported

Parse = Callable[[UpstreamResponse], Classification]
# makes the call of a route from its parser and its body
Rate = Callable[[SentimentRequest], Plan[Sentiment]]
MakeCall = Callable[[str, Parse, dict[str, Any]], UpstreamRequest[Classification]]
# makes the call of a pipeline from its options, its parser and its inputs
MakePipelineCall = Callable[[dict[str, Any], Parse, dict[str, Any]], UpstreamRequest[Classification]]

ROUTE = "predict"


def classify_each(
    requests: Sequence[ClassifyRequest], classify: Callable[[ClassifyRequest], Plan[Classification]]
) -> Plan[Classifications]:
    """Classify one after the other."""
    results = []
    for request in requests:
        results.append((yield from classify(request)))
    usages = [result.usage for result in results]
    tokens = sum(usage.total_tokens for usage in usages)
    usage = Usage(tokens, None, any(one.estimated for one in usages))
    return Classifications(results, usage=usage, model=results[0].model)


def predict_call(
    make_call: MakeCall, root_url: str, model: str | None, request: ClassifyRequest
) -> UpstreamRequest[Classification]:
    """Return the call of the predict route of text-embeddings-inference."""
    inputs = request.texts[0] if len(request.texts) == 1 else list(request.texts)
    body = with_model(model, {"inputs": inputs, **request.options})
    call = make_call(ROUTE, partial(parse_predictions, request=request, model=model), body)
    return replace(call, url=f"{root_url}/{ROUTE}", deterministic=True)


def by_route_or_sentiment(
    routes: OptionalRoutes,
    make_call: Callable[[ClassifyRequest], UpstreamRequest[Classification]],
    rate: Rate,
    request: ClassifyRequest,
) -> Plan[Classification]:
    """Use the server's route; without it, rate the sentiment."""
    found = yield from routes.call(make_call(request))
    return found or (yield from by_sentiment(rate, request))


def by_sentiment(rate: Rate, request: ClassifyRequest) -> Plan[Classification]:
    """Return the sentiments of a text as its labels; raise NotSupported for a pair of texts."""
    if len(request.texts) > 1:
        raise NotSupported("The backend has no classifier for pairs of texts; use Hugging Face's pipelines.")
    if request.options.get("raw_scores"):
        raise NotSupported("The backend gives probabilities only; leave raw_scores out.")
    result = yield from rate(SentimentRequest(request.texts[0]))
    labels = sorted(result.scores.items(), key=lambda label: label[1], reverse=True)
    return Classification(labels, result.truncated, usage=result.usage, model=result.model)


def classify_by_pipeline(make_call: MakePipelineCall, model: str, request: ClassifyRequest) -> Plan[Classification]:
    """Use a text-classification pipeline; a text that is too long for its model is cut."""
    raw = {"function_to_apply": "none"} if request.options.get("raw_scores") else {}
    parse = partial(parse_text_classification, request=request, model=model)

    def ask(texts: list[str]) -> UpstreamRequest[Classification]:
        inputs: Any = texts[0] if len(texts) == 1 else {"text": texts[0], "text_pair": texts[1]}
        return make_call({"parameters": raw} if raw else {}, parse, inputs)

    texts = list(request.texts)
    # a model reads both texts of a pair at once
    limit = ENCODER_MAX_TOKENS // len(texts)
    first = leading_of_each(texts, limit) if any(estimated_tokens(text) > limit for text in texts) else texts
    result, read = yield from read_inputs(ask, first, partial(leading_of_each, texts, limit // 2))
    return replace(result, truncated=read != texts)
