"""The text operations of all backends. A backend that lacks one raises NotSupported."""

from app.backends.plan import Plan
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
from app.backends.types import Sentiment, Summary, SummaryRequest
from app.errors import NotSupported


class TextOperations:
    """The operations on one text; app/inference joins the calls of many texts."""

    def sentiment(self, request: SentimentRequest, model: str | None) -> Plan[Sentiment]:
        """Rate the sentiment of a text."""
        raise NotSupported

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Summarize a text."""
        raise NotSupported

    def classify(self, request: LabelsRequest, model: str | None) -> Plan[LabelScores]:
        """Rate how well each label of the caller's fits a text."""
        raise NotSupported

    def entities(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Find persons, organizations, places and other entities."""
        raise NotSupported

    def pii(self, request: EntitiesRequest, model: str | None) -> Plan[Entities]:
        """Find names and addresses of persons, which rules cannot find."""
        raise NotSupported

    def keywords(self, request: KeywordsRequest, model: str | None) -> Plan[Keywords]:
        """Find the words and phrases that a text is about."""
        raise NotSupported

    def translate(self, request: TranslateRequest, model: str | None) -> Plan[Translation]:
        """Translate a text."""
        raise NotSupported

    def answer(self, request: AnswerRequest, model: str | None) -> Plan[Answer]:
        """Find the answer to a question in a text."""
        raise NotSupported

    def extract(self, request: ExtractRequest, model: str | None) -> Plan[Extraction]:
        """Extract data that is valid under a JSON Schema."""
        raise NotSupported
