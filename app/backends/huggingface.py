"""Hugging Face: chat through the router, `hf-inference` pipelines for the classic tasks, the Hub for model facts."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cachetools import TTLCache

from app.backends import huggingface_hub
from app.backends.base import (
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
from app.backends.openai import OpenAIBackend, as_chat, bearer
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT, TEXT, ChunkDecoder
from app.backends.responses.normalize import decoded_json, require_success
from app.backends.responses.parse import generation
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.sentence_ranking import select_central, sentences, whole_sentences
from app.backends.tasks.sentiment_labels import sentiment_scores
from app.config import Config
from app.errors import ModelNotFound, NotSupported, ServiceError, UpstreamInvalidResponse

SENTIMENT_MODEL = "cardiffnlp/twitter-roberta-base-sentiment-latest"
SUMMARIZATION_MODEL = "facebook/bart-large-cnn"
EMBEDDING_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# bart-large-cnn reads 1024 tokens and drops the rest
PIPELINE_TOKENS = 900
# a look at the Hub may not cost a caller the time that the answer needs
LOOKUP_SECONDS = 3.0
LOOKUP_KEPT_SECONDS = 300.0
LOOKUPS_KEPT = 1000
DEDICATED_SUFFIX = ".endpoints.huggingface.cloud"
# legacy ids are redirected to their owner's, and renamed repositories once more
MAX_REDIRECTS = 3


class HuggingFaceBackend(OpenAIBackend):
    """Hugging Face's serverless inference; pipelines go first, the chat model is the way out where one is gone."""

    name = "huggingface"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._root = config.huggingface_base_url
        self._base = f"{self._root}/v1"
        self._hub = config.huggingface_hub_url
        self._headers = bearer(config.huggingface_api_key)
        self._default_model = config.huggingface_default_model
        self._sentiment_model = self._sentiment_model or SENTIMENT_MODEL
        self._summarization_model = self._summarization_model or SUMMARIZATION_MODEL
        self._text_generation_offered: TTLCache[str, bool] = TTLCache(LOOKUPS_KEPT, LOOKUP_KEPT_SECONDS)
        self._dedicated = (urlsplit(self._root).hostname or "").endswith(DEDICATED_SUFFIX)

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Speak TGI's own form where a dedicated endpoint or the model's mapping offers it, else chat."""
        name = model or self._default_model or ""
        if self._dedicated or (yield from self._offers_text_generation(name)):
            try:
                return (yield from self._text_generation(request, name))
            except ModelNotFound:
                pass  # the mapping is checked every six hours only, so it may be out of date
        return (yield from self._continue(request, name))

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        """Ask a dedicated endpoint; the router has no completions, so there a chat model is asked to continue."""
        if self._dedicated:
            return (yield from super().completions(request, model))
        return (yield from self._passed_on("chat/completions", TEXT, as_chat(request), model or self._default_model))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        """Ask the feature-extraction pipeline, which reads texts only; a dedicated endpoint has OpenAI's route."""
        if self._dedicated:
            return (yield from super().embeddings(request, model))
        name, given = model or EMBEDDING_MODEL, request.body["input"]
        texts = [given] if isinstance(given, str) else given
        if not all(isinstance(text, str) for text in texts):
            raise NotSupported("The feature-extraction pipeline reads texts, not tokens; send the texts.")
        encoding = request.body.get("encoding_format") or "float"
        parse = partial(
            embeddings.from_pipeline, texts=len(texts), model=name, prompt=request.prompt, encoding=encoding
        )
        dimensions = request.body.get("dimensions")
        body = {"inputs": texts, **({"dimensions": dimensions} if dimensions else {})}
        call = self._pipeline(name, "feature-extraction", body, parse)
        return (
            yield replace(
                call, url=f"{call.url}/pipeline/feature-extraction", max_response_bytes=embeddings.MAX_VECTORS_BYTES
            )
        )

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Ask the text-classification pipeline; where its model is gone, a chat model."""
        name = model or self._sentiment_model or ""
        try:
            scores = yield self._pipeline(name, "text-classification", {"inputs": text}, partial(_scores, model=name))
        except ModelNotFound:
            return (yield from super().sentiment(text, model or self._default_model))
        return Sentiment(scores, Usage(estimated_tokens(text), 0, estimated=True), name)

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Ask the summarization pipeline; where its model is gone, a chat model."""
        name = model or self._summarization_model or ""
        inputs = _fitting(request.text)
        parameters = {"max_length": request.max_length, "min_length": request.min_length}
        try:
            body = {"inputs": inputs, "parameters": parameters}
            text = yield self._pipeline(name, "summarization", body, _summary_text)
        except ModelNotFound:
            return (yield from super().summarize(request, model or self._default_model))
        usage = Usage(estimated_tokens(inputs), estimated_tokens(text), estimated=True)
        return Summary(whole_sentences(text), usage, name)

    def validate(self, model: str) -> Plan[Validation]:
        """Ask the Hub what it knows of the model; where that shows no live provider, ask the router's list."""
        name, _, provider = model.partition(":")
        silent: ServiceError | None = None
        known = listed = None
        try:
            known = yield from self._look_up(name)
            if known and known.served:
                return known.validation(provider)
        except ServiceError as error:
            silent = error
        with suppress(ServiceError):  # what the Hub said stands
            listed = yield self._call("models", partial(huggingface_hub.listed_providers, model=name))
        if listed is not None:
            return huggingface_hub.Model(known.task if known else None, listed).validation(provider)
        if silent:
            raise silent
        return known.validation(provider) if known else Validation(False, "The Hub knows no public model of this name.")

    def _look_up(self, model: str) -> Plan[huggingface_hub.Model | None]:
        """Return what the Hub knows of a model, None where it knows none; follow its redirects, to the Hub only."""
        path = f"/api/models/{quote(model)}?{urlencode({'expand[]': huggingface_hub.EXPANDED}, doseq=True)}"
        for _ in range(MAX_REDIRECTS + 1):
            found = yield self._get(f"{self._hub}{path}")
            if not isinstance(found, huggingface_hub.Redirect):
                return found
            path = found.path
        raise UpstreamInvalidResponse

    def _get(self, url: str) -> UpstreamRequest[Any]:
        return UpstreamRequest(
            self.name,
            "hub",
            url,
            huggingface_hub.model_or_redirect,
            None,
            self._headers,
            LOOKUP_SECONDS,
            retryable=False,
            deterministic=True,
        )

    def _offers_text_generation(self, model: str) -> Plan[bool]:
        """Ask the Hub once in a while; while it does not answer, chat serves every model that can be served."""
        if model not in self._text_generation_offered:
            try:
                known = yield from self._look_up(model)
            except ServiceError:
                known = None
            offered = known is not None and known.offers("hf-inference", "text-generation")
            self._text_generation_offered[model] = offered
        return self._text_generation_offered.get(model, False)

    def _text_generation(self, request: TextRequest, model: str) -> Plan[Generation]:
        body = {"inputs": request.prompt, "parameters": _tgi_parameters(request)}
        parse = partial(generation, prompt=request.prompt)
        call = self._pipeline(model, "text-generation", body, parse)
        if self._dedicated:
            call = replace(call, url=f"{self._root}/")
        if request.stream:
            reader = partial(ChunkDecoder, CHAT, model, request.prompt)
            return (yield replace(call, body={**body, "stream": True}, make_decoder=reader))
        answer = yield replace(call, deterministic=request.deterministic)
        return Generation(answer.text, answer.finish_reason, answer.usage, model)

    def _pipeline(
        self, model: str, task: str, body: dict[str, Any], parse: Callable[[UpstreamResponse], Any]
    ) -> UpstreamRequest[Any]:
        """Return the call of an hf-inference pipeline; a provider after the model's colon is not part of the path."""
        url = f"{self._root}/hf-inference/models/{quote(model.partition(':')[0])}"
        return UpstreamRequest(self.name, task, url, parse, body, self._headers, deterministic=True)


def _fitting(text: str) -> str:
    """Return a text that a pipeline reads to its end: the whole, or its most central sentences."""
    if estimated_tokens(text) <= PIPELINE_TOKENS:
        return text
    return " ".join(select_central(sentences(text, PIPELINE_TOKENS), PIPELINE_TOKENS))


def _tgi_parameters(request: TextRequest) -> dict[str, Any]:
    """Return the parameters in TGI's form, which refuses a temperature of 0 and a top_p of 1."""
    parameters: dict[str, Any] = {
        "max_new_tokens": request.max_tokens,
        "return_full_text": False,
        "details": True,
        "do_sample": request.temperature > 0,
    }
    if request.temperature > 0:
        parameters["temperature"] = request.temperature
    if request.top_p is not None and request.top_p < 1:
        parameters["top_p"] = request.top_p
    if request.stop:
        parameters["stop"] = list(request.stop)
    if request.seed is not None:
        parameters["seed"] = request.seed
    return parameters


def _scores(answer: UpstreamResponse, model: str) -> Any:
    """Read `[{label, score}]`, which hf-inference nests in one more list."""
    require_success(answer)
    labels = decoded_json(answer)
    if isinstance(labels, list) and labels and isinstance(labels[0], list):
        labels = labels[0]
    if not isinstance(labels, list) or not labels or not all(map(_is_scored_label, labels)):
        raise UpstreamInvalidResponse
    return sentiment_scores([(entry["label"], entry["score"]) for entry in labels], model)


def _is_scored_label(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        return False
    score = entry.get("score")
    return isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1


def _summary_text(answer: UpstreamResponse) -> str:
    """Read `[{summary_text}]` or the object alone."""
    require_success(answer)
    payload = decoded_json(answer)
    if isinstance(payload, list) and payload:
        payload = payload[0]
    text = payload.get("summary_text") if isinstance(payload, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise UpstreamInvalidResponse
    return text
