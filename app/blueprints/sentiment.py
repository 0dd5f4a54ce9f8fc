"""POST /v1/text/sentiment: rates a text as positive, negative or neutral."""

from typing import Any

from flask import Blueprint

from app.blueprints.reading import read_body
from app.blueprints.scope import Scope
from app.schemas.sentiment import SentimentRequestSchema, SentimentResponseSchema

SCORE_DIGITS = 4

_RESPONSE = SentimentResponseSchema()


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("sentiment", __name__)
    schema = SentimentRequestSchema(scope.config.max_input_chars)

    @routes.post("/v1/text/sentiment")
    def sentiment() -> Any:
        body = read_body(schema, scope.config)
        result = scope.inference.sentiment(scope.context("sentiment"), body["text"], body.get("model"))
        scores = {label: round(score, SCORE_DIGITS) for label, score in result.scores.items()}
        score = scores[result.label]
        return _RESPONSE.dump(
            {"text": body["text"], "sentiment": result.label, "score": score, "confidence": score, "scores": scores}
        )

    return routes
