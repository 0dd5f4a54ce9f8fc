"""POST /v1/text/translate: translates a text."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import TranslateRequest
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.schemas.translate import TranslateRequestSchema, TranslateResponseSchema
from app.texts.document import Document

_DOC = RouteDoc(
    tag="Text",
    summary="Translate a text",
    description="The language of the text is found out. A long text is translated in parts, and never cut off.",
    responses=text_responses(TranslateResponseSchema),
    examples={
        "notice": Example(
            request={"text": "The museum is closed on Mondays.", "target": "de"},
            response={
                "translation": "Das Museum ist montags geschlossen.",
                "source": "en",
                "target": "de",
                "model": "Helsinki-NLP/opus-mt-en-de",
                "chunks": 1,
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("translate", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        source, target = options.get("source") or document.language, options["target"]
        request = TranslateRequest(document.text, target, source)
        result = endpoint.inference.run(context, Backend.translate, request, options.get("model"))
        facts = {"source": source, "target": target, "model": result.model or None, "chunks": result.chunks}
        return {"translation": result.text, **facts}

    schema = TranslateRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/translate", schema, handle, _DOC)
    return routes
