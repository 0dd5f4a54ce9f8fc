"""The text operations of the embedded engine."""

from app.backends.base import Plan
from app.backends.encoder.calls import EncoderCalls
from app.backends.encoder.classify import classify_by_vectors
from app.backends.encoder.pii import find_personal_data
from app.backends.encoder.sentiment import rate_sentiment
from app.backends.openai import OpenAIBackend
from app.backends.tasks import extractive_summary
from app.backends.tasks.sentence_ranking import split_sentences
from app.backends.text_types import Entities, EntitiesRequest, LabelScores, LabelsRequest, SentimentRequest
from app.backends.types import Sentiment, Summary, SummaryRequest, Usage
from app.config import Config
from app.config.encoder_models import EMBEDDING_MODELS, MULTILINGUAL, embedding_model
from app.config.model_file import model_name
from app.errors import ModelNotFound


class EmbeddedText(OpenAIBackend):
    """Uses small models in ways that suit them."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._model = model_name(config.embedded_model_path)
        self._encoder = EncoderCalls(self.name, config.encoder_port)

    def sentiment(self, request: SentimentRequest, model: str | None) -> Plan[Sentiment]:
        """Let the encoder rate the text, which is better at it than the small chat model."""
        self._resolve_model(model)
        return (yield from rate_sentiment(self._encoder, request))

    def classify(self, request: LabelsRequest, model: str | None) -> Plan[LabelScores]:
        """Let the encoder compare the labels with the text."""
        self._resolve_model(model)
        return (yield from classify_by_vectors(self._encoder, request))

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Let the model select among the central sentences; without its selection, return the most central ones."""
        model = self._resolve_model(model)
        min_tokens, max_tokens = extractive_summary.clamp(request.min_length, request.max_length)
        selection_tokens = min(max_tokens, extractive_summary.CANDIDATE_TOKENS)
        found = split_sentences(request.text, selection_tokens)
        candidates = extractive_summary.candidates(request.text, found, min_tokens, max_tokens)
        if not candidates:  # the text has no sentences, such as a list of words
            text = extractive_summary.summary([], found or [request.text.strip()], min_tokens, max_tokens)
            return Summary(text, usage=Usage(0, 0), model=model)
        messages = [{"role": "user", "content": extractive_summary.prompt(candidates)}]
        grammar = extractive_summary.grammar(candidates)
        body = {"max_tokens": selection_tokens, "temperature": 0, "grammar": grammar}
        generation = yield from self._chat(messages, body, model)
        selected = extractive_summary.parse_selection(generation.text, candidates)
        text = extractive_summary.summary(selected, found, min_tokens, max_tokens)
        return Summary(text, usage=generation.usage, model=model)

    def pii(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Let the encoder find names and addresses; the language model would copy them badly."""
        self._resolve_model(model)
        return find_personal_data(self._encoder, request)

    def _resolve_model(self, model: str | None) -> str:
        """Return the engine's model; raise ModelNotFound for another name. An owner before the name is ignored."""
        if model is not None and not self._serves(model):
            raise ModelNotFound(f"The embedded engine serves {self._model} only.")
        return self._model

    def _embedding_model(self, model: str | None) -> str:
        """Return a model of the encoder; raise ModelNotFound for another name."""
        name = embedding_model(model) if model else MULTILINGUAL
        if name is None:
            raise ModelNotFound(f"The embedded engine has embeddings of {' and '.join(EMBEDDING_MODELS)} only.")
        return name

    def _serves(self, model: str) -> bool:
        return model.rpartition("/")[2].lower() == self._model.lower()
