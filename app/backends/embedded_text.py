"""The text operations of the embedded engine."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from app.backends.base import Plan
from app.backends.encoder.answer import answer_by_encoder
from app.backends.encoder.calls import EncoderCalls
from app.backends.encoder.classify import classify_by_vectors
from app.backends.encoder.entities import find_by_encoder
from app.backends.encoder.keywords import keywords_by_encoder
from app.backends.encoder.pii import find_personal_data
from app.backends.encoder.sentiment import rate_sentiment
from app.backends.encoder.similarities import similarities_to
from app.backends.engine.grammars import require_bounded_schema
from app.backends.openai import OpenAIBackend
from app.backends.tasks.summaries import extractive
from app.backends.tasks.translation import chat as chat_translation
from app.backends.text_types import (
    Answer,
    AnswerRequest,
    Entities,
    EntitiesRequest,
    Keywords,
    KeywordsRequest,
    LabelScores,
    LabelsRequest,
    SentimentRequest,
    TranslateRequest,
    Translation,
)
from app.backends.types import ABSTRACTIVE, Generation, Sentiment, Summary, SummaryRequest
from app.config import Config
from app.config.encoder_models import EMBEDDING_MODELS, MULTILINGUAL, embedding_model
from app.config.model_file import model_name
from app.errors import ModelNotFound, NotSupported

# a slot of the engine has 2,048 tokens for prompt and answer
CHUNK_TOKENS = 500
_ADVICE = "name a larger one in EMBEDDED_MODEL_PATH, or set HUGGINGFACE_API_KEY or OPENAI_BASE_URL."
NO_TRANSLATION = f"The embedded model is too small to translate; {_ADVICE}"
NO_SUMMARY = f"The embedded model invents facts in summaries; use the style extractive or bullets, {_ADVICE}"


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
        """Choose sentences of the text; a model that is large enough writes abstractive summaries."""
        model = self._resolve_model(model)
        if request.style == ABSTRACTIVE:
            if model == model_name(None):
                raise NotSupported(NO_SUMMARY)
            return (yield from super().summarize(request, model))
        sentences = extractive.sentences_of(request.text, request.language)
        similarities: Sequence[float] = ()
        if request.focus and self._encoder.runs and sentences:
            similarities = yield similarities_to(self._encoder, request.focus, sentences)
        return extractive.summarize(request, sentences, similarities)

    def translate(self, request: TranslateRequest, model: str | None) -> Plan[Translation]:
        """Raise NotSupported for the default model, which translated none of four test texts."""
        model = self._resolve_model(model)
        if (same := chat_translation.unchanged(request)) is not None:
            return same
        if model == model_name(None):
            raise NotSupported(NO_TRANSLATION)
        return (yield from chat_translation.translate(partial(self._chat_for, model), request, model, CHUNK_TOKENS))

    def _chat_by_model(
        self, model: str | None, messages: list[dict[str, str]], body: dict[str, Any], added: Mapping[str, Any]
    ) -> Plan[Generation]:
        """Raise UpstreamRejected for a schema that would block the engine; the next form has no grammar."""
        require_bounded_schema(body.get("response_format"))
        return super()._chat_by_model(model, messages, body, added)

    def entities(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        self._resolve_model(model)
        return find_by_encoder(self._encoder, request)

    def answer(self, request: AnswerRequest, model: str | None) -> Plan[Answer]:
        self._resolve_model(model)
        return answer_by_encoder(self._encoder, request)

    def keywords(self, request: KeywordsRequest, model: str | None) -> Plan[Keywords]:
        self._resolve_model(model)
        return keywords_by_encoder(self._encoder, request)

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
