"""The text operations of Hugging Face: pipelines of hf-inference; without the pipeline's model, a chat model."""

from functools import partial

from app.backends.base import Plan
from app.backends.hf_pipelines import DEFAULT_MODELS
from app.backends.huggingface_calls import HuggingFaceCalls
from app.backends.responses.pipelines import parse_classification, parse_summary
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.answers import answer_by_pipeline
from app.backends.tasks.classify_by_pipeline import classify_by_pipeline
from app.backends.tasks.entities_by_pipeline import OPTIONS as ENTITY_OPTIONS
from app.backends.tasks.entities_by_pipeline import find_by_pipeline
from app.backends.tasks.pipeline_inputs import (
    ENCODER_MAX_TOKENS,
    SUMMARIZATION_MAX_TOKENS,
    central,
    leading,
    read_inputs,
)
from app.backends.tasks.sentence_ranking import complete_sentences
from app.backends.tasks.sentiment_by_pipeline import rate_by_pipeline
from app.backends.tasks.sentiment_parts import rate_by_parts
from app.backends.text_types import (
    Answer,
    AnswerRequest,
    Entities,
    EntitiesRequest,
    LabelScores,
    LabelsRequest,
    SentimentRequest,
)
from app.backends.types import Sentiment, Summary, SummaryRequest, Usage
from app.config import hf_tasks as tasks
from app.errors import ModelNotFound


class HuggingFaceText(HuggingFaceCalls):
    """Asks the pipeline of each task."""

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

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Use the summarization pipeline; if its model is gone, a chat model."""
        name = model or self._summarization_model or ""
        options = {"parameters": {"max_length": request.max_length, "min_length": request.min_length}}
        ask = partial(self._listed_pipeline, name, "summarization", options, parse_summary)
        shorter = partial(central, request.text, SUMMARIZATION_MAX_TOKENS // 2)
        try:
            text, read = yield from read_inputs(ask, central(request.text, SUMMARIZATION_MAX_TOKENS), shorter)
        except ModelNotFound:
            return (yield from super().summarize(request, model or self._default_model))
        usage = Usage(estimated_tokens(read), estimated_tokens(text), estimated=True)
        return Summary(complete_sentences(text), usage=usage, model=name, truncated=read != request.text)

    def entities(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Use the token-classification pipeline; if its model is gone, a chat model."""
        name = model or DEFAULT_MODELS[tasks.TOKEN_CLASSIFICATION]
        make_call = partial(self._listed_pipeline, name, tasks.TOKEN_CLASSIFICATION, ENTITY_OPTIONS)
        try:
            return (yield from find_by_pipeline(make_call, request, name))
        except ModelNotFound:
            return (yield from super().entities(request, model or self._default_model))

    def answer(self, request: AnswerRequest, model: str | None) -> Plan[Answer]:
        """Use the question-answering pipeline; if its model is gone, a chat model."""
        name = model or DEFAULT_MODELS[tasks.QUESTION_ANSWERING]
        options = {"parameters": {"handle_impossible_answer": True}}
        make_call = partial(self._pipeline, name, tasks.QUESTION_ANSWERING, options)
        try:
            return (yield from answer_by_pipeline(make_call, request, name))
        except ModelNotFound:
            return (yield from super().answer(request, model or self._default_model))
