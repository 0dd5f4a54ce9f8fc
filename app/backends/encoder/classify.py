"""Classification by the encoder: the labels are compared with the text as vectors."""

from typing import Any

from app.backends.encoder.calls import EncoderCalls
from app.backends.encoder.languages import reading_language, reading_model
from app.backends.plan import Plan
from app.backends.text_types import LabelScores, LabelsRequest
from app.backends.types import Usage

SOURCE = "embeddings"


def classify_by_vectors(encoder: EncoderCalls, request: LabelsRequest) -> Plan[LabelScores]:
    """Return the score of each label; a long text is read completely."""
    names = [label.name for label in request.labels]
    language = reading_language(request.text, request.language)

    def parse(scores: list[float], tokens: int) -> LabelScores:
        rated = dict(zip(names, scores, strict=True))
        return LabelScores(rated, source=SOURCE, usage=Usage(tokens, 0), model=reading_model(language))

    options: dict[str, Any] = {
        "labels": [label.phrase for label in request.labels],
        "multi_label": request.multi_label,
    }
    return (yield encoder.call("classify", {"text": request.text, "language": language}, options, parse))
