"""POST /v1/text/summarize: shortens a text to its main points."""

from typing import Any

from flask import Blueprint

from app.backends.base import SummaryRequest
from app.blueprints.reading import read_body
from app.blueprints.scope import Scope
from app.schemas.summarize import SummarizeRequestSchema, SummarizeResponseSchema

COMPRESSION_DIGITS = 4

_RESPONSE = SummarizeResponseSchema()


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("summarize", __name__)
    schema = SummarizeRequestSchema(scope.config.max_input_chars)

    @routes.post("/v1/text/summarize")
    def summarize() -> Any:
        body = read_body(schema, scope.config)
        model = body.pop("model", None)
        summary = scope.inference.summarize(scope.context("summarize"), SummaryRequest(**body), model).text
        compression = round(len(summary) / len(body["text"]), COMPRESSION_DIGITS)
        return _RESPONSE.dump({"original_text": body["text"], "summary": summary, "compression": compression})

    return routes
