"""POST /v1/text/summarize: shortens a text to its main points."""

from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import SummaryRequest
from app.context.call_context import CallContext
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.schemas.summarize import SummarizeRequestSchema, SummarizeResponseSchema

COMPRESSION_DIGITS = 4

_TEXT = (
    "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor. Its lamp warned ships of the "
    "rocks for a century. The keeper kept a diary of every storm. Today the lighthouse is a museum of the sea."
)
_DOCUMENTATION = RouteDoc(
    tag="Text",
    summary="Summarize a text",
    description="Lengths are in tokens; `min_length` may not be greater than `max_length`.",
    answers=(RouteResponse("The summary, and how much shorter it is.", {JSON: SummarizeResponseSchema}),),
    examples={
        "story": Example(
            request={"text": _TEXT, "max_length": 40},
            answer={
                "original_text": _TEXT,
                "summary": "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor. "
                "The keeper kept a diary of every storm.",
                "compression": 0.5622,
            },
        )
    },
)


def blueprint(scope: OperationEndpoint) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("summarize", __name__)

    def answer(context: CallContext, body: dict[str, Any]) -> Any:
        model = body.pop("model", None)
        summary = scope.inference.run(context, Backend.summarize, SummaryRequest(**body), model).text
        compression = round(len(summary) / len(body["text"]), COMPRESSION_DIGITS)
        return {"original_text": body["text"], "summary": summary, "compression": compression}

    scope.register(routes, "/v1/text/summarize", SummarizeRequestSchema(scope.config), answer, _DOCUMENTATION)
    return routes
