"""POST /v1/text/sentiment: rates a text as positive, negative, neutral or mixed."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import SentimentRequest
from app.backends.types import RatedAspect, Sentiment, likeliest
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.calibration import calibrated
from app.operations.endpoint import OperationEndpoint
from app.operations.offsets import part_of, places
from app.operations.text_operation import register_text, text_responses
from app.schemas.sentiment import SentimentRequestSchema, SentimentResponseSchema
from app.texts.document import Document

SCORE_DIGITS = 4

_TEXT = "The screen is gorgeous and the battery lasts for days."
_DETAILED = "Lovely rooms. The staff were rude."
_SCORES = {"positive": 0.9994, "negative": 0.0001, "neutral": 0.0005}
_BLAME = {"positive": 0.0095, "negative": 0.9713, "neutral": 0.0192}
_DOC = RouteDoc(
    tag="Text",
    summary="Rate the sentiment of a text",
    description="The label is `positive`, `negative`, `neutral` or `mixed`, whatever the model's own labels are. "
    "`granularity` rates sentences too, and `aspects` names things whose opinions are looked for.",
    responses=text_responses(SentimentResponseSchema),
    examples={
        "review": Example(
            request={"text": _TEXT},
            response={
                "text": _TEXT,
                "sentiment": "positive",
                "score": 0.9994,
                "confidence": 0.9994,
                "scores": _SCORES,
                "model": "bge-small-en-v1.5",
                "language": "en",
            },
        ),
        "aspects": Example(
            request={"text": _DETAILED, "aspects": ["staff", "price"]},
            response={
                "text": _DETAILED,
                "sentiment": "mixed",
                "score": 0.9573,
                "confidence": 0.9573,
                "scores": {"positive": 0.4834, "negative": 0.4947, "neutral": 0.0219},
                "model": "bge-small-en-v1.5",
                "language": "en",
                "aspects": [
                    {
                        "aspect": "staff",
                        "found": True,
                        "sentiment": "negative",
                        "score": 0.9713,
                        "scores": _BLAME,
                        "mentions": [{"text": "The staff were rude.", "start": 14, "end": 34}],
                        "opinions": [{"text": "rude", "start": 29, "end": 33}],
                    },
                    {"aspect": "price", "found": False, "mentions": [], "opinions": []},
                ],
            },
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("sentiment", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        by_sentence, aspects = options["granularity"] == "sentence", options["aspects"]
        request = SentimentRequest(document.text, document.language, by_sentence, aspects)
        result = endpoint.inference.run(context, Backend.sentiment, request, options.get("model"))
        result, changed = calibrated(endpoint.config.calibration_file, "sentiment", result)
        response = {"text": document.source, **_of_document(result), **changed, "language": document.language}
        unit = options["offset_unit"]
        if by_sentence:
            response["sentences"] = _sentences(document, result, unit)
        if aspects:
            response["aspects"] = [_aspect(document, aspect, unit) for aspect in result.aspects]
        return response

    schema = SentimentRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/sentiment", schema, handle, _DOC)
    return routes


def _of_document(result: Sentiment) -> dict[str, Any]:
    rated = _rated(result.scores)
    if result.mixed is not None:
        rated |= {"sentiment": result.label, "score": round(result.mixed, SCORE_DIGITS)}
    score = {"score": rated["score"], "confidence": rated["score"]}
    known = {"model": result.model} if result.model else {}
    cut = {"truncated": True} if result.truncated else {}
    return {"sentiment": rated["sentiment"], **score, "scores": rated["scores"], **known, **cut}


def _rated(scores: Mapping[str, float]) -> dict[str, Any]:
    rounded = {label: round(score, SCORE_DIGITS) for label, score in scores.items()}
    label = likeliest(scores)
    return {"sentiment": label, "score": rounded[label], "scores": rounded}


def _sentences(document: Document, result: Sentiment, unit: str) -> list[dict[str, Any]]:
    quotes = _quotes(document, [(one.start, one.end) for one in result.sentences], unit)
    return [{**quote, **_rated(one.scores)} for quote, one in zip(quotes, result.sentences, strict=True)]


def _aspect(document: Document, aspect: RatedAspect, unit: str) -> dict[str, Any]:
    return {
        "aspect": aspect.aspect,
        "found": aspect.scores is not None,
        **(_rated(aspect.scores) if aspect.scores else {}),
        "mentions": _quotes(document, aspect.mentions, unit),
        "opinions": _quotes(document, aspect.opinions, unit),
    }


def _quotes(document: Document, spans: Iterable[tuple[int, int]], unit: str) -> list[dict[str, Any]]:
    spans = list(spans)
    found = zip(spans, places(document, spans, unit), strict=True)
    return [{**part_of(document, span), **place} for span, place in found]
