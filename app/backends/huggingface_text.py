"""The text operations of Hugging Face: pipelines of hf-inference; without the pipeline's model, a chat model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.hf_pipelines import DEFAULT_MODELS
from app.backends.huggingface_calls import HuggingFaceCalls
from app.backends.responses.pipelines import parse_classification
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.answers import answer_by_pipeline
from app.backends.tasks.classify_by_pipeline import classify_by_pipeline
from app.backends.tasks.entities_by_pipeline import OPTIONS as ENTITY_OPTIONS
from app.backends.tasks.entities_by_pipeline import find_by_pipeline
from app.backends.tasks.personal_data import names_of
from app.backends.tasks.pipeline_inputs import (
    ENCODER_MAX_TOKENS,
    leading,
    read_inputs,
)
from app.backends.tasks.sentiment_by_pipeline import rate_by_pipeline
from app.backends.tasks.sentiment_parts import rate_by_parts
from app.backends.tasks.summaries import pipeline as summary_pipeline
from app.backends.tasks.translation import chat as chat_translation
from app.backends.tasks.translation.candidates import PipelineTranslator
from app.backends.text_types import (
    Answer,
    AnswerRequest,
    Entities,
    EntitiesRequest,
    LabelScores,
    LabelsRequest,
    SentimentRequest,
    TranslateRequest,
    Translation,
)
from app.backends.types import EXTRACTIVE, Sentiment, Summary, SummaryRequest, Usage
from app.config import Config
from app.config import hf_tasks as tasks
from app.errors import ModelNotFound


class HuggingFaceText(HuggingFaceCalls):
    """Asks the pipeline of each task."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._translator = PipelineTranslator()

    def sentiment(self, request: SentimentRequest, model: str | None) -> Plan[Sentiment]:
        """Use the text-classification pipeline; if its model is gone, a chat model."""
        text = request.text
        name = model or self._sentiment_model or ""
        if request.has_parts:
            rate = partial(rate_by_pipeline, partial(self._pipeline, name, "text-classification", {}), name)
            try:
                return (yield from rate_by_parts(rate, request))
            except ModelNotFound:
                return (yield from super().sentiment(request, model or self._default_model))
        parse = partial(parse_classification, model=name)
        ask = partial(self._listed_pipeline, name, "text-classification", {}, parse)
        shorter = partial(leading, text, ENCODER_MAX_TOKENS // 2)
        try:
            scores, read = yield from read_inputs(ask, leading(text, ENCODER_MAX_TOKENS), shorter)
        except ModelNotFound:
            return (yield from super().sentiment(request, model or self._default_model))
        usage = Usage(estimated_tokens(read), 0, estimated=True)
        return Sentiment(scores, usage=usage, model=name, truncated=read != text)

    def classify(self, request: LabelsRequest, model: str | None) -> Plan[LabelScores]:
        """Use the zero-shot pipeline; if its model is gone, a chat model."""
        name = model or DEFAULT_MODELS[tasks.ZERO_SHOT_CLASSIFICATION]
        make_call = partial(self._listed_pipeline, name, tasks.ZERO_SHOT_CLASSIFICATION)
        try:
            return (yield from classify_by_pipeline(make_call, request, name))
        except ModelNotFound:
            return (yield from super().classify(request, model or self._default_model))

    def translate(self, request: TranslateRequest, model: str | None) -> Plan[Translation]:
        """Use the translation pipeline of a model for the languages; without one, a chat model."""
        if (same := chat_translation.unchanged(request)) is not None:
            return same
        name = model or self._translation_model
        if not self._dedicated:
            make_call = partial(self._listable_pipeline, tasks.TRANSLATION)
            if found := (yield from self._translator.translate(make_call, request, name)):
                return found
        return (yield from super().translate(request, name or self._default_model))

    def _listable_pipeline(
        self,
        task: str,
        model: str,
        options: dict[str, Any],
        parse: Callable[[UpstreamResponse], list[str]],
        inputs: str | list[str],
    ) -> UpstreamRequest[list[str]]:
        """Return a call that can be joined with those of other texts, unless the parts of a text are a list already."""
        if isinstance(inputs, str):
            return self._listed_pipeline(model, task, options, parse, inputs)
        return self._pipeline(model, task, options, parse, inputs)

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Use the summarization pipeline; a chat model if its model is gone, and for what the pipeline lacks.

        The pipeline knows no focus, and its default model English only.
        """
        name = model or self._summarization_model or summary_pipeline.SUMMARIZATION_MODEL
        is_known = bool(model) or summary_pipeline.knows(name, request.language)
        if is_known and request.style != EXTRACTIVE and not request.focus:
            make_call = partial(self._listable_pipeline, tasks.SUMMARIZATION, name)
            try:
                return (yield from summary_pipeline.summarize(make_call, request, name))
            except ModelNotFound:
                pass
        return (yield from super().summarize(request, model or self._default_model))

    def entities(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Use the token-classification pipeline; if its model is gone, a chat model."""
        name = model or DEFAULT_MODELS[tasks.TOKEN_CLASSIFICATION]
        make_call = partial(self._listed_pipeline, name, tasks.TOKEN_CLASSIFICATION, ENTITY_OPTIONS)
        try:
            return (yield from find_by_pipeline(make_call, request, name))
        except ModelNotFound:
            return (yield from super().entities(request, model or self._default_model))

    def pii(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Use the token-classification pipeline for names alone; a chat model for addresses."""
        if tuple(request.types) != ("name",):
            return (yield from super().pii(request, model or self._default_model))
        persons = replace(request, types=("person",))
        return names_of((yield from self.entities(persons, model)))

    def answer(self, request: AnswerRequest, model: str | None) -> Plan[Answer]:
        """Use the question-answering pipeline; if its model is gone, a chat model."""
        name = model or DEFAULT_MODELS[tasks.QUESTION_ANSWERING]
        options = {"parameters": {"handle_impossible_answer": True}}
        make_call = partial(self._pipeline, name, tasks.QUESTION_ANSWERING, options)
        try:
            return (yield from answer_by_pipeline(make_call, request, name))
        except ModelNotFound:
            return (yield from super().answer(request, model or self._default_model))
