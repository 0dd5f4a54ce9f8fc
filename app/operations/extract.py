"""POST /v1/text/extract: extracts data from a text."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import ExtractRequest
from app.context.call_context import CallContext
from app.errors import ExtractionInvalid
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.schemas.extract import ExtractRequestSchema, ExtractResponseSchema
from app.texts.document import Document

_SCHEMA = {
    "type": "object",
    "properties": {"invoice": {"type": "string"}, "total": {"type": "number"}, "due": {"type": "string"}},
    "required": ["invoice", "total"],
}
_DOC = RouteDoc(
    tag="Text",
    summary="Extract data from a text",
    description="The data is valid under the JSON Schema of the request. An invalid answer is shown to the model once, "
    "with its fault; if the second answer is invalid too, the error names the path.",
    responses=text_responses(ExtractResponseSchema),
    errors=(ExtractionInvalid,),
    examples={
        "invoice": Example(
            request={"text": "Invoice 2041: 3 chairs at 40 EUR, 120 EUR in all.", "schema": _SCHEMA},
            response={"data": {"invoice": "2041", "total": 120}, "model": "meta-llama/Llama-3.1-8B-Instruct"},
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("extract", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        instruction = options.get("instruction", "")
        request = ExtractRequest(document.text, options["schema"], instruction, options["max_tokens"])
        result = endpoint.inference.run(context, Backend.extract, request, options.get("model"))
        response = {"data": result.data, "model": result.model}
        return {**response, "repaired": True} if result.repaired else response

    schema = ExtractRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/extract", schema, handle, _DOC)
    return routes
