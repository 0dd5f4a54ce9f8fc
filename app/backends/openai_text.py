"""The text operations of OpenAI-compatible servers: chat completions with instructions."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.backends.base import Plan
from app.backends.chat_sentiment import ChatSentiment
from app.backends.openai_optional import OptionalOperations
from app.backends.tasks import personal_data, prompts
from app.backends.tasks.answers import answer_by_chat
from app.backends.tasks.classify_by_chat import classify_by_chat
from app.backends.tasks.entities_by_chat import find_by_chat
from app.backends.tasks.extraction.extract import Extractor
from app.backends.tasks.keyword_search import keywords_by_chat
from app.backends.tasks.sentiment_parts_by_chat import add_parts
from app.backends.tasks.summaries import extractive
from app.backends.tasks.summaries.chat import ChatSummarizer
from app.backends.tasks.translation import chat as chat_translation
from app.backends.text_types import (
    Answer,
    AnswerRequest,
    Entities,
    EntitiesRequest,
    Extraction,
    ExtractRequest,
    Keywords,
    KeywordsRequest,
    LabelScores,
    LabelsRequest,
    SentimentRequest,
    TranslateRequest,
    Translation,
)
from app.backends.types import EXTRACTIVE, Generation, Sentiment, Summary, SummaryRequest
from app.config import Config


class OpenAIText(OptionalOperations):
    """Asks a chat model."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._chat_sentiment = ChatSentiment()
        self._extractor = Extractor()
        self._chat_summarizer = ChatSummarizer()

    def sentiment(self, request: SentimentRequest, model: str | None) -> Plan[Sentiment]:
        """Ask a chat model for the label, and for those of sentences and aspects."""
        model = self._resolve_model(model or self._sentiment_model)
        messages = [{"role": "system", "content": prompts.SENTIMENT}, {"role": "user", "content": request.text}]
        result = yield from self._chat_sentiment.rate(lambda body: self._chat(messages, body, model), model)
        if not request.has_parts:
            return result
        return (yield from add_parts(lambda messages, body: self._chat(messages, body, model), request, result))

    def classify(self, request: LabelsRequest, model: str | None) -> Plan[LabelScores]:
        """Ask a chat model for the letter of a label."""
        model = self._resolve_model(model)
        return classify_by_chat(lambda messages, body: self._chat(messages, body, model), request)

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Ask a chat model for the summary of a text, or of its parts; choose sentences of it without a model."""
        if request.style == EXTRACTIVE:
            return extractive.summarize(request, extractive.sentences_of(request.text, request.language))
        model = self._resolve_model(model or self._summarization_model)
        return (yield from self._chat_summarizer.summarize(partial(self._chat_for, model), request, model))

    def entities(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Ask a chat model, whose answer has the form of a JSON Schema."""
        model = self._resolve_model(model)
        return find_by_chat(partial(self._chat_for, model), request)

    def pii(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Ask a chat model, whose answer has the form of a JSON Schema."""
        model = self._resolve_model(model)
        return personal_data.find_by_chat(partial(self._chat_for, model), request, model)

    def keywords(self, request: KeywordsRequest, model: str | None) -> Plan[Keywords]:
        """Ask a chat model; keywords that the text does not have are left out."""
        model = self._resolve_model(model)
        return keywords_by_chat(partial(self._chat_for, model), request)

    def answer(self, request: AnswerRequest, model: str | None) -> Plan[Answer]:
        """Ask a chat model, whose answer is looked for in the text."""
        model = self._resolve_model(model)
        return answer_by_chat(partial(self._chat_for, model), request)

    def translate(self, request: TranslateRequest, model: str | None) -> Plan[Translation]:
        """Ask a chat model for the translation of each part."""
        if (same := chat_translation.unchanged(request)) is not None:
            return same
        model = self._resolve_model(model or self._translation_model)
        return (yield from chat_translation.translate(partial(self._chat_for, model), request, model))

    def extract(self, request: ExtractRequest, model: str | None) -> Plan[Extraction]:
        """Ask a chat model for JSON, by the server's structured output where it has it."""
        model = self._resolve_model(model)
        return (yield from self._extractor.extract(partial(self._chat_by_model, model), request, model))

    def _chat_for(self, model: str | None, messages: list[dict[str, str]], body: dict[str, Any]) -> Plan[Generation]:
        return self._chat(messages, body, model)

    def _chat_by_model(
        self, model: str | None, messages: list[dict[str, str]], body: dict[str, Any], added: Mapping[str, Any]
    ) -> Plan[Generation]:
        return self._chat(messages, body, model, added)
