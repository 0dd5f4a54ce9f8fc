"""POST /v1/embeddings: turns texts into vectors, like OpenAI's API."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.openai_requests import EmbeddingsRequestSchema, joined_texts
from app.schemas.openai_responses import EmbeddingsResponseSchema

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Turn texts into vectors",
    description="Compatible with OpenAI's API.",
    responses=(RouteResponse("One vector for each text.", {JSON: EmbeddingsResponseSchema}),),
    examples={
        "vector": Example(
            request={"input": "A lighthouse."},
            response={
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456, 0.0789]}],
                "model": "sentence-transformers/all-MiniLM-L6-v2",
                "usage": {"prompt_tokens": 4, "total_tokens": 4},
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("embeddings", __name__)
    handle = openai_operation(endpoint, Backend.embeddings, lambda body: joined_texts(body["input"]))
    endpoint.register(routes, "/v1/embeddings", EmbeddingsRequestSchema(endpoint.config), handle, _DOC)
    return routes
