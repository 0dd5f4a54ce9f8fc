"""The text operations of OpenAI-compatible servers: chat completions with instructions."""

from app.backends.base import Plan
from app.backends.chat_sentiment import ChatSentiment
from app.backends.openai_optional import OptionalOperations
from app.backends.tasks import personal_data, prompts
from app.backends.tasks.classify_by_chat import classify_by_chat
from app.backends.tasks.sentence_ranking import complete_sentences
from app.backends.tasks.sentiment_from_chat import strip_reasoning
from app.backends.tasks.sentiment_parts_by_chat import add_parts
from app.backends.text_types import Entities, EntitiesRequest, LabelScores, LabelsRequest, SentimentRequest
from app.backends.types import Sentiment, Summary, SummaryRequest
from app.config import Config
from app.errors import UpstreamInvalidResponse


class OpenAIText(OptionalOperations):
    """Asks a chat model."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._chat_sentiment = ChatSentiment()

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
        instruction = prompts.summarize(request.max_length, request.min_length)
        messages = [{"role": "system", "content": instruction}, {"role": "user", "content": request.text}]
        body = {"max_tokens": request.max_length, "temperature": 0}
        generation = yield from self._chat(messages, body, self._resolve_model(model or self._summarization_model))
        summary = complete_sentences(strip_reasoning(generation.text))
        if not summary:
            raise UpstreamInvalidResponse("The model gave no summary; use another model or a greater max_length.")
        return Summary(summary, usage=generation.usage, model=generation.model)

    def pii(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Ask a chat model, whose answer has the form of a JSON Schema."""
        model = self._resolve_model(model)
        return personal_data.find_by_chat(lambda messages, body: self._chat(messages, body, model), request, model)
