"""The backend for Hugging Face: chat through the router, hf-inference pipelines, model facts from the Hub."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from app.backends import huggingface_hub as hub
from app.backends.base import Plan, UpstreamRequest
from app.backends.classification import classify_by_pipeline, classify_each
from app.backends.hf_pipelines import DEFAULT_MODELS, OPERATION_TASKS, Pipelines
from app.backends.hub_lookup import HubLookup
from app.backends.huggingface_text import HuggingFaceText
from app.backends.moderation import Labels, Rate, rate_by_labels
from app.backends.pipeline_types import PipelineRequest, PipelineResult
from app.backends.reranking import rank_by_pipeline
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT
from app.backends.responses.pipelines import parse_labels
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.responses_route import AUTO, TRANSLATE, ResponsesRoute
from app.backends.tasks.guards import guard_of
from app.backends.tasks.pipeline_inputs import (
    ENCODER_MAX_TOKENS,
    leading_of_each,
    read_inputs,
)
from app.backends.tasks.pipelines import run_by_operations
from app.backends.tasks.summaries.pipeline import SUMMARIZATION_MODEL as SUMMARIZATION_MODEL
from app.backends.tokenizers import Tokenizer
from app.backends.types import (
    Classifications,
    ClassifyRequest,
    Generation,
    OpenAIRequest,
    OpenAIResult,
    Ranking,
    RerankRequest,
    TextRequest,
    Validation,
)
from app.config import Config
from app.config import hf_tasks as tasks
from app.errors import ModelNotFound, NotSupported, ServiceError

SENTIMENT_MODEL = "cardiffnlp/twitter-roberta-base-sentiment-latest"
EMBEDDING_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
NO_TOKENIZER = (
    "The router of Hugging Face has no tokenizer; load the model's own with the library "
    "transformers, or use a dedicated endpoint."
)
# above the number of classes of every well-known classifier
MAX_LABELS = 100


class HuggingFaceBackend(HuggingFaceText):
    """Hugging Face's serverless inference, or a dedicated Inference Endpoint.

    Sentiment, summaries and embeddings use pipelines; without the pipeline's model, a chat model.
    """

    name = "huggingface"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._hub = HubLookup(self.name, config.huggingface_hub_url, self._headers)
        self._default_model = config.huggingface_default_model
        self._sentiment_model = self._sentiment_model or SENTIMENT_MODEL
        self._summarization_model = self._summarization_model or SUMMARIZATION_MODEL
        # that of the router drops messages of developers, sets `strict` to false, and never says `incomplete`
        self._responses_route = ResponsesRoute(AUTO if self._dedicated else TRANSLATE, config.huggingface_timeout)
        self._pipelines = Pipelines(self.name, self._root_url, self._headers, self._hub, self._dedicated)

    def default_model(self, operation: str) -> str | None:
        """Return the model of the operation's pipeline, else the chat model."""
        if operation in ("embeddings", "similarity", "rerank") and not self._dedicated:
            return (self._rerank_model if operation == "rerank" else None) or EMBEDDING_MODEL
        return DEFAULT_MODELS.get(OPERATION_TASKS.get(operation, operation)) or super().default_model(operation)

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Use TGI's own route if a dedicated endpoint or the model's provider has it, else chat."""
        name = model or self._default_model or ""
        if self._dedicated or (yield from self._hub.offers_text_generation(name)):
            try:
                return (yield from self._text_generation(request, name))
            except ModelNotFound:
                pass  # the Hub checks its mapping every six hours only, so it may be out of date
        return (yield from self._continue(request, name))

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Send a dedicated endpoint, which is mostly text-generation-inference, its own response formats unchanged."""
        if self._dedicated:
            return self._passthrough("chat/completions", CHAT, request, self._resolve_model(model))
        return super().chat(request, model)

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Use a dedicated endpoint's route; the router lacks it, so there a chat model is asked to continue."""
        if self._dedicated:
            return (yield from super().completions(request, model))
        return (yield from self._complete_by_chat(request, self._resolve_model(model)))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Use a dedicated endpoint's route, else the feature-extraction pipeline, which takes texts only."""
        if self._dedicated:
            return (yield from super().embeddings(request, model))
        name, value = model or EMBEDDING_MODEL, request.body["input"]
        texts = [value] if isinstance(value, str) else value
        if not all(isinstance(text, str) for text in texts):
            raise NotSupported("The feature-extraction pipeline reads texts, not tokens; send the texts.")
        encoding = request.body.get("encoding_format") or "float"
        parse = partial(
            embeddings.parse_pipeline, count=len(texts), model=name, prompt=request.prompt, encoding=encoding
        )
        is_long = any(estimated_tokens(text) > ENCODER_MAX_TOKENS for text in texts)
        options = {"dimensions": request.body.get("dimensions"), "truncate": is_long}
        ask = partial(self._feature_extraction, name, {name: value for name, value in options.items() if value}, parse)
        shorter = partial(leading_of_each, texts, ENCODER_MAX_TOKENS if is_long else ENCODER_MAX_TOKENS // 2)
        result, read = yield from read_inputs(ask, texts, shorter)
        return replace(result, payload={**result.payload, "truncated": True}) if is_long or read != texts else result

    def rerank(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Use a dedicated endpoint's own route; hf-inference serves no models for pairs of texts."""
        if self._dedicated:
            return super().rerank(request, model)
        return self.similarity(request, model or self._rerank_model)

    def similarity(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Use the sentence-similarity pipeline; without it, or on a dedicated endpoint, compare embeddings."""
        if self._dedicated:
            return (yield from super().similarity(request, model))
        name = model or EMBEDDING_MODEL
        make_call = partial(self._pipeline, name, "sentence-similarity", {})
        try:
            return (yield from rank_by_pipeline(self._batches, make_call, request, name))
        except (ModelNotFound, NotSupported):
            return (yield from super().similarity(request, name))

    def predict(self, requests: Sequence[ClassifyRequest], model: str | None) -> Plan[Classifications]:
        """Use the text-classification pipeline, or a dedicated endpoint's own route."""
        if self._dedicated:
            return super().predict(requests, model)
        name = model or self._sentiment_model or ""
        make_call = partial(self._pipeline, name, "text-classification")
        return classify_each(requests, partial(classify_by_pipeline, make_call, name))

    def pipeline(self, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
        """Pass the call on; a model without a text-generation pipeline continues the text through chat completions."""
        name = model or self.default_model(tasks.TASK_OPERATIONS.get(request.task or "", "chat")) or ""
        return self._pipelines.run(request, name, lambda asked: run_by_operations(self, asked, name))

    def takes_any_task(self, model: str | None) -> bool:
        return self._dedicated or model is not None

    def validate(self, model: str) -> Plan[Validation]:
        """Look the model up on the Hub; if that shows no live provider, in the router's list too."""
        name, _, provider = model.partition(":")
        hub_error: ServiceError | None = None
        known = listed = None
        try:
            known = yield from self._hub.find(name)
            if known and known.served:
                return known.validation(provider)
        except ServiceError as error:
            hub_error = error
        with suppress(ServiceError):  # the Hub's information is enough
            listed = yield self._call("models", partial(hub.parse_router_list, model=name))
        if listed is not None:
            return hub.Model(known.task if known else None, listed).validation(provider)
        if hub_error:
            raise hub_error
        return known.validation(provider) if known else Validation(False, "The Hub knows no public model of this name.")

    def _rater(self, model: str) -> Rate:
        """Use the text-classification pipeline for models that are no guards."""
        if self._is_server or guard_of(model) is not None:
            return super()._rater(model)
        return partial(rate_by_labels, partial(self._labels, model), model)

    def _labels(self, model: str, text: str) -> UpstreamRequest[Labels]:
        """Return the call for all labels of a text."""
        options = {"parameters": {"top_k": MAX_LABELS}}
        return self._pipeline(model, "text-classification", options, parse_labels, text)

    def _tokenizer(self, model: str | None) -> Tokenizer:
        """Use a dedicated endpoint's tokenizer; the router has none."""
        if not self._dedicated:
            raise NotSupported(NO_TOKENIZER)
        return super()._tokenizer(model)
