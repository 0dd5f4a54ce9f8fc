"""POST /v1/text/restore: puts the values of placeholders back into texts."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.pii.restoring import Restorer, looks_like_json
from app.schemas.pii import RestoreRequestSchema, RestoreResultSchema
from app.texts.document import Document

_DOC = RouteDoc(
    tag="Text",
    summary="Restore redacted texts",
    description="Placeholders are found in any case, with a space or dash in place of the underscore, with the escapes "
    "of Markdown, and in capitals without brackets too. A text that is JSON stays valid. A placeholder without a value "
    "stays. The mapping holds for all texts of a request.",
    responses=text_responses(RestoreResultSchema),
    examples={
        "answer": Example(
            request={"text": "I have written to [EMAIL_1].", "mapping": {"[EMAIL_1]": "ada@example.com"}},
            response={"text": "I have written to ada@example.com."},
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("restore", __name__)

    def handle(_context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        restorer = Restorer(options["mapping"])
        return {"text": restorer.text(document.source, is_json=looks_like_json(document.source))}

    register_text(endpoint, routes, "/v1/text/restore", RestoreRequestSchema(endpoint.config), handle, _DOC)
    return routes
