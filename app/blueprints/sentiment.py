"""POST /v1/text/sentiment: rates a text as positive, negative or neutral."""

from typing import Any

from flask import Blueprint

from app.blueprints.scope import Scope
from app.context import RequestContext
from app.schemas.sentiment import SentimentRequestSchema, SentimentResponseSchema

SCORE_DIGITS = 4

_RESPONSE = SentimentResponseSchema()


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("sentiment", __name__)

    def answer(context: RequestContext, body: dict[str, Any]) -> Any:
        result = scope.inference.sentiment(context, body["text"], body.get("model"))
        scores = {label: round(score, SCORE_DIGITS) for label, score in result.scores.items()}
        score = scores[result.label]
        return _RESPONSE.dump(
            {"text": body["text"], "sentiment": result.label, "score": score, "confidence": score, "scores": scores}
        )

    scope.post(routes, "/v1/text/sentiment", SentimentRequestSchema(scope.config.max_input_chars), answer)
    return routes
