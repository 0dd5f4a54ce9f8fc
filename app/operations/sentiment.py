"""POST /v1/text/sentiment: rates a text as positive, negative or neutral."""

from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.context.call_context import CallContext
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.schemas.sentiment import SentimentRequestSchema, SentimentResponseSchema

SCORE_DIGITS = 4

_TEXT = "The screen is gorgeous and the battery lasts for days."
_DOC = RouteDoc(
    tag="Text",
    summary="Rate the sentiment of a text",
    description="The label is `positive`, `negative` or `neutral`, whatever the model's own labels are.",
    responses=(
        RouteResponse("The most likely label, and the probability of each label.", {JSON: SentimentResponseSchema}),
    ),
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

    def handle(context: CallContext, body: dict[str, Any]) -> Any:
        text = body["text"]
        result = endpoint.inference.run(context, Backend.sentiment, text, body.get("model"))
        scores = {label: round(score, SCORE_DIGITS) for label, score in result.scores.items()}
        score = scores[result.label]
        response = {"text": text, "sentiment": result.label, "score": score, "confidence": score, "scores": scores}
        return {**response, "truncated": True} if result.truncated else response

    endpoint.register(routes, "/v1/text/sentiment", SentimentRequestSchema(endpoint.config), handle, _DOC)
    return routes
