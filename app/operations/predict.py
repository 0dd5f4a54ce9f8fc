"""POST /predict: classifies texts, like text-embeddings-inference."""

from functools import partial
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import ClassifyRequest
from app.context.call_context import CallContext
from app.inference.service import InferenceService
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import Handler, OperationEndpoint
from app.schemas.openai_requests import EmbeddingsRequestSchema
from app.schemas.tei import PredictRequestSchema
from app.translators.tei.responses import predictions, require_complete, without_others

_LABEL = {
    "type": "object",
    "required": ["label", "score"],
    "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
}
_LABELS = {"type": "array", "items": _LABEL}
_TEXT = "The screen is gorgeous and the battery lasts for days."
_DOC = RouteDoc(
    tag="Embeddings inference",
    summary="Classify texts",
    description="The labels are the model's own. A backend without a classifier returns the three sentiments.",
    responses=(
        RouteResponse(
            "The labels, the most likely first; for a batch a list of these for each text.",
            {JSON: {"anyOf": [_LABELS, {"type": "array", "items": _LABELS}]}},
        ),
    ),
    examples={
        "review": Example(
            request={"inputs": _TEXT},
            response=[
                {"score": 0.9596, "label": "positive"},
                {"score": 0.0356, "label": "negative"},
                {"score": 0.0048, "label": "neutral"},
            ],
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("predict", __name__)
    schema = PredictRequestSchema(endpoint.config)
    translate = partial(_translate, endpoint.inference)
    endpoint.register_translated(routes, "/predict", schema, translate, EmbeddingsRequestSchema(endpoint.config), _DOC)
    return routes


def _translate(inference: InferenceService, body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
    inputs = body["inputs"]
    is_batch = isinstance(inputs, list) and isinstance(inputs[0], list)
    sequences = inputs if is_batch else [inputs if isinstance(inputs, list) else [inputs]]
    texts = [text for sequence in sequences for text in sequence]
    handle = partial(_handle, inference, body, sequences, is_batch=is_batch)
    return {"input": texts, **without_others(body, "model")}, handle


def _handle(
    inference: InferenceService,
    body: dict[str, Any],
    sequences: list[list[str]],
    context: CallContext,
    plain: dict[str, Any],
    *,
    is_batch: bool,
) -> Any:
    options = without_others(body, "raw_scores", "truncate")
    requests = [ClassifyRequest(texts, options) for texts in sequences]
    results = inference.run(context, Backend.predict, requests, plain.get("model")).results
    require_complete(body.get("truncate"), truncated=any(result.truncated for result in results))
    found = [predictions(result) for result in results]
    return found if is_batch else found[0]
