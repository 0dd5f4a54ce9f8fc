"""POST /v1/text/redact: replaces personal data by placeholders, by asterisks or by nothing."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.text_types import Entity
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.pii import finder, places
from app.operations.text_operation import register_text, text_responses
from app.pii.findings import Finding
from app.pii.placeholders import Placeholders, Replace, mask, remove
from app.schemas.pii import RedactRequestSchema, RedactResultSchema
from app.texts.document import Document

_DOC = RouteDoc(
    tag="Text",
    summary="Replace personal data",
    description="What `/v1/text/pii` finds is replaced in the text as it was sent. Equal values get equal "
    "placeholders, and none equals a text that is there already. `/v1/text/restore` puts the values of `mapping` back.",
    responses=text_responses(RedactResultSchema),
    examples={
        "placeholders": Example(
            request={"text": "Write to ada@example.com or call +44 20 7946 0958.", "types": ["email", "phone"]},
            response={
                "text": "Write to [EMAIL_1] or call [PHONE_1].",
                "entities": [
                    {
                        "type": "email",
                        "source": "rule",
                        "checked": False,
                        "start": 9,
                        "end": 24,
                        "replacement": "[EMAIL_1]",
                    },
                    {
                        "type": "phone",
                        "source": "rule",
                        "checked": True,
                        "start": 33,
                        "end": 49,
                        "replacement": "[PHONE_1]",
                    },
                ],
                "searched": [{"type": "email", "source": "rules"}, {"type": "phone", "source": "rules"}],
                "mapping": {"[EMAIL_1]": "ada@example.com", "[PHONE_1]": "+44 20 7946 0958"},
            },
        ),
        "mask": Example(
            request={"text": "Write to ada@example.com.", "types": ["email"], "mode": "mask"},
            response={
                "text": "Write to ***************.",
                "entities": [
                    {
                        "type": "email",
                        "source": "rule",
                        "checked": False,
                        "start": 9,
                        "end": 24,
                        "replacement": "***************",
                    }
                ],
                "searched": [{"type": "email", "source": "rules"}],
            },
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("redact", __name__)
    find = finder(endpoint)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        source, mode = document.source, options["mode"]
        found = find(context, document, options)
        placeholders = Placeholders([source])
        replace: Replace = {"mask": mask, "remove": remove}.get(mode, placeholders.replace)
        replacements = [replace(_kind(one), source[one.start : one.end]) for one in found.findings]
        listed = places(source, found.findings, options["offset_unit"])
        entities = [{**entry, "replacement": text} for entry, text in zip(listed, replacements, strict=True)]
        result = {"text": _replaced(source, found.findings, replacements), "entities": entities}
        mapping = {"mapping": placeholders.mapping} if mode == "placeholder" else {}
        return {**result, "searched": found.searched, **mapping}

    register_text(endpoint, routes, "/v1/text/redact", RedactRequestSchema(endpoint.config), handle, _DOC)
    return routes


def _kind(finding: Finding | Entity) -> str:
    return finding.type if isinstance(finding, Entity) else finding.kind


def _replaced(text: str, findings: list[Finding | Entity], replacements: list[str]) -> str:
    parts: list[str] = []
    position = 0
    for finding, replacement in zip(findings, replacements, strict=True):
        parts += (text[position : finding.start], replacement)
        position = finding.end
    return "".join((*parts, text[position:]))
