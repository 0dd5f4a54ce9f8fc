"""POST /similarity: compares a text with others, like text-embeddings-inference."""

from functools import partial
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import RerankRequest
from app.context.call_context import CallContext
from app.inference.service import InferenceService
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import Handler, OperationEndpoint
from app.schemas.openai_requests import EmbeddingsRequestSchema
from app.schemas.tei import SimilarityRequestSchema
from app.translators.tei.responses import without_others

_SENTENCES = ["A lighthouse warns ships off the rocks.", "Bread is baked in an oven."]
_DOC = RouteDoc(
    tag="Embeddings inference",
    summary="Compare a text with others",
    description="The cosine similarity of embeddings.",
    responses=(
        RouteResponse(
            "One number for each text, from -1 to 1.", {JSON: {"type": "array", "items": {"type": "number"}}}
        ),
    ),
    examples={
        "closest": Example(
            request={"inputs": {"source_sentence": "What warns ships?", "sentences": _SENTENCES}},
            response=[0.6412, 0.0237],
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("tei_similarity", __name__)
    schema = SimilarityRequestSchema(endpoint.config)
    translate = partial(_translate, endpoint.inference)
    translated = EmbeddingsRequestSchema(endpoint.config)
    endpoint.register_translated(routes, "/similarity", schema, translate, translated, _DOC)
    return routes


def _translate(inference: InferenceService, body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
    inputs = body["inputs"]
    request = RerankRequest(inputs["source_sentence"], inputs["sentences"])

    def handle(context: CallContext, plain: dict[str, Any]) -> Any:
        return list(inference.run(context, Backend.similarity, request, plain.get("model")).scores)

    texts = [request.query, *request.documents]
    return {"input": texts, **without_others(body, "model")}, handle
