"""Ranks documents by their relevance to a query.

POST /v1/rerank and /v2/rerank have the shape of Cohere's and Jina's APIs, and POST /rerank that of
text-embeddings-inference too.
"""

from functools import partial
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import RerankRequest
from app.context.call_context import CallContext
from app.inference.service import InferenceService
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import Handler, OperationEndpoint
from app.schemas.rerank import RerankRequestSchema, RerankResponseSchema
from app.schemas.tei import RerankRootRequestSchema
from app.translators.cohere.rerank import plain_body, rerank_request, rerank_response
from app.translators.tei.responses import ranks, require_complete, without_others

_DOCUMENTS = ["Bread is baked in an oven.", "A lighthouse warns ships off the rocks."]
_RESULT = {"index": 1, "relevance_score": 0.6412}
_TEXT = {"document": {"text": _DOCUMENTS[1]}}


def _doc(version: int, api: str, result: dict[str, Any]) -> RouteDoc:
    response = {
        "id": "8c1a7f40c7be4c2a9a6d3f04e3f3a9d1",
        "object": "list",
        "model": "sentence-transformers/all-MiniLM-L6-v2",
        "results": [result],
        "usage": {"prompt_tokens": 25, "total_tokens": 25, "estimated": True},
        "meta": {
            "api_version": {"version": str(version)},
            "billed_units": {"search_units": 1},
            "tokens": {"input_tokens": 25},
        },
    }
    return RouteDoc(
        tag="Rerank",
        summary=f"Rank documents by their relevance to a query, like {api}",
        description="The backend's own rerank route is used, or the cosine similarity of embeddings.",
        responses=(RouteResponse("The documents, the most relevant first.", {JSON: RerankResponseSchema}),),
        examples={
            "best": Example(
                request={"query": "What warns ships?", "documents": _DOCUMENTS, "top_n": 1}, response=response
            )
        },
    )


_RANKS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["index", "score"],
        "properties": {"index": {"type": "integer"}, "text": {"type": "string"}, "score": {"type": "number"}},
    },
}
_ROOT_DOC = RouteDoc(
    tag="Embeddings inference",
    summary="Rank texts by their relevance to a query, like text-embeddings-inference",
    description="As `POST /v1/rerank`, also in its form: with `documents` in place of `texts`.",
    responses=(
        RouteResponse("The texts, the most relevant first.", {JSON: {"anyOf": [_RANKS, RerankResponseSchema]}}),
    ),
    examples={
        "texts": Example(
            request={"query": "What warns ships?", "texts": _DOCUMENTS},
            response=[{"index": 1, "score": 0.6412}, {"index": 0, "score": 0.0237}],
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("rerank", __name__)
    schema = RerankRequestSchema(endpoint.config)
    docs = {
        1: _doc(1, "Cohere's and Jina's APIs", _RESULT | _TEXT),
        2: _doc(2, "the second version of Cohere's API", _RESULT),
    }
    for version, doc in docs.items():
        translate = partial(_translate, endpoint.inference, version)
        endpoint.register_translated(
            routes, f"/v{version}/rerank", schema, translate, schema, doc, name=f"rerank_v{version}"
        )
    root, translate = RerankRootRequestSchema(endpoint.config), partial(_translate_root, endpoint.inference)
    endpoint.register_translated(routes, "/rerank", root, translate, schema, _ROOT_DOC, name="rerank_root")
    return routes


def _translate_root(inference: InferenceService, body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
    """Translate a request with `texts`, which is one of text-embeddings-inference, or with `documents`."""
    if "texts" not in body:
        return _translate(inference, 1, body)
    texts, options = body["texts"], without_others(body, "raw_scores", "truncate")

    def handle(context: CallContext, plain: dict[str, Any]) -> Any:
        request = RerankRequest(plain["query"], texts, tei_options=options)
        ranking = inference.run(context, Backend.rerank, request, plain.get("model"))
        require_complete(body.get("truncate"), truncated=ranking.truncated)
        return ranks(texts, ranking, return_text=body.get("return_text", False))

    return {**without_others(body, "model", "query"), "documents": texts}, handle


def _translate(inference: InferenceService, version: int, body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
    def handle(context: CallContext, plain: dict[str, Any]) -> Any:
        ranking = inference.run(context, Backend.rerank, rerank_request(plain), plain.get("model"))
        return rerank_response(body, ranking, version)

    return plain_body(body), handle
