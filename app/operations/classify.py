"""POST /v1/text/classify: rates how well each label of the caller's fits a text."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import LabelsRequest
from app.backends.types import likeliest
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.calibration import calibrated
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.schemas.classify import TextClassifyRequestSchema, TextClassifyResultSchema
from app.texts.document import Document

SCORE_DIGITS = 4

_TEXT = "I was charged twice in May."
_DOC = RouteDoc(
    tag="Text",
    summary="Classify a text by your own labels",
    description="Send names of labels, or names with descriptions. The text gets the label that fits best, or with "
    "`multi_label` each that fits. `source` says how the scores were made.",
    responses=text_responses(TextClassifyResultSchema),
    examples={
        "ticket": Example(
            request={"text": _TEXT, "labels": ["billing", "technical problem", "account access"]},
            response={
                "label": "billing",
                "score": 0.9597,
                "scores": {"billing": 0.9597, "technical problem": 0.0097, "account access": 0.0307},
                "source": "embeddings",
                "model": "bge-small-en-v1.5",
                "language": "en",
            },
        ),
        "described": Example(
            request={
                "text": _TEXT,
                "labels": [{"name": "billing", "description": "invoices, payments and refunds"}, {"name": "urgent"}],
                "multi_label": True,
            },
            response={
                "label": "billing",
                "score": 0.9357,
                "scores": {"billing": 0.9357, "urgent": 0.2677},
                "labels": ["billing"],
                "source": "embeddings",
                "model": "bge-small-en-v1.5",
                "language": "en",
            },
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("classify", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        request = LabelsRequest(document.text, options["labels"], options["multi_label"], document.language)
        result = endpoint.inference.run(context, Backend.classify, request, options.get("model"))
        calibrations = () if request.multi_label else endpoint.config.calibration_file
        result, changed = calibrated(calibrations, "classify", result)
        scores = {name: round(score, SCORE_DIGITS) for name, score in result.scores.items()}
        label = likeliest(result.scores)
        response = {"label": label, "score": scores[label], "scores": scores}
        if request.multi_label:
            found = [name for name, score in result.scores.items() if score >= options["threshold"]]
            response["labels"] = sorted(found, key=lambda name: -result.scores[name])
        known = {"model": result.model} if result.model else {}
        cut = {"truncated": True} if result.truncated else {}
        return {**response, **changed, "source": result.source, **known, "language": document.language, **cut}

    schema = TextClassifyRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/classify", schema, handle, _DOC)
    return routes
