"""POST /v1/text/sentiment: rates a text as positive, negative or neutral."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import SentimentRequest
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.schemas.sentiment import SentimentRequestSchema, SentimentResponseSchema
from app.texts.document import Document

SCORE_DIGITS = 4

_TEXT = "The screen is gorgeous and the battery lasts for days."
_DOC = RouteDoc(
    tag="Text",
    summary="Rate the sentiment of a text",
    description="The label is `positive`, `negative` or `neutral`, whatever the model's own labels are.",
    responses=text_responses(SentimentResponseSchema),
    examples={
        "review": Example(
            request={"text": _TEXT},
            response={
                "text": _TEXT,
                "sentiment": "positive",
                "score": 0.9573,
                "confidence": 0.9573,
                "scores": {"positive": 0.9573, "negative": 0.0181, "neutral": 0.0246},
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("sentiment", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        request = SentimentRequest(document.text, document.language)
        result = endpoint.inference.run(context, Backend.sentiment, request, options.get("model"))
        scores = {label: round(score, SCORE_DIGITS) for label, score in result.scores.items()}
        score = scores[result.label]
        text = document.source
        response = {"text": text, "sentiment": result.label, "score": score, "confidence": score, "scores": scores}
        return {**response, "truncated": True} if result.truncated else response

    schema = SentimentRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/sentiment", schema, handle, _DOC)
    return routes
