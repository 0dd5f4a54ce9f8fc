"""POST /v1/text/summarize: shortens a text to its main points."""

from typing import Any

from flask import Blueprint

from app.backends.base import SummaryRequest
from app.blueprints.scope import Scope
from app.context import RequestContext
from app.schemas.summarize import SummarizeRequestSchema, SummarizeResponseSchema

COMPRESSION_DIGITS = 4

_RESPONSE = SummarizeResponseSchema()


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("summarize", __name__)

    def answer(context: RequestContext, body: dict[str, Any]) -> Any:
        model = body.pop("model", None)
        summary = scope.inference.summarize(context, SummaryRequest(**body), model).text
        compression = round(len(summary) / len(body["text"]), COMPRESSION_DIGITS)
        return _RESPONSE.dump({"original_text": body["text"], "summary": summary, "compression": compression})

    scope.post(routes, "/v1/text/summarize", SummarizeRequestSchema(scope.config.max_input_chars), answer)
    return routes
