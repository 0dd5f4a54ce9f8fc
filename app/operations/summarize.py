"""POST /v1/text/summarize: summarizes a text."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import BULLETS, Summary, SummaryRequest
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.schemas.summarize import SummarizeRequestSchema, SummarizeResponseSchema
from app.texts.document import Document

COMPRESSION_DIGITS = 4

_TEXT = (
    "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor. Its lamp warned ships of the "
    "rocks for a century. The keeper kept a diary of every storm. Today the lighthouse is a museum of the sea."
)
_DOC = RouteDoc(
    tag="Text",
    summary="Summarize a text",
    description="Lengths are in tokens, or in sentences with `length`. An extractive summary has sentences of the text "
    "only. A text that is longer than its model reads is summarized in parts.",
    responses=text_responses(SummarizeResponseSchema),
    examples={
        "story": Example(
            request={"text": _TEXT, "max_length": 40},
            response={
                "original_text": _TEXT,
                "summary": "Its lamp warned ships of the rocks for a century. "
                "Today the lighthouse is a museum of the sea.",
                "compression": 0.4332,
                "style": "extractive",
                "chunks": 1,
                "model": None,
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("summarize", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        asked = {name: value for name, value in options.items() if name != "model"}
        request = SummaryRequest(document.text, language=document.language, **asked)
        summary = endpoint.inference.run(context, Backend.summarize, request, options.get("model"))
        return _response(document, summary)

    schema = SummarizeRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/summarize", schema, handle, _DOC)
    return routes


def _response(document: Document, summary: Summary) -> dict[str, Any]:
    response = {
        "original_text": document.source,
        "summary": summary.text,
        "compression": round(len(summary.text) / len(document.source), COMPRESSION_DIGITS),
        "style": summary.style,
        "chunks": summary.chunks,
        "model": summary.model or None,
    }
    if summary.style == BULLETS:
        response["items"] = list(summary.items)
    if summary.characters is not None:
        response |= {"truncated": True, "characters_read": summary.characters}
    return response
