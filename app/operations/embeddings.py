"""POST /v1/embeddings: turns texts into vectors, as OpenAI's API does."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.openai_requests import EmbeddingsRequestSchema, texts
from app.schemas.openai_responses import EmbeddingsResponseSchema

_DOCUMENTATION = RouteDoc(
    tag="OpenAI",
    summary="Turn texts into vectors",
    description="As OpenAI's API does. The embedded engine has no embeddings and answers 501.",
    answers=(RouteResponse("A vector for each text.", {JSON: EmbeddingsResponseSchema}),),
    examples={
        "vector": Example(
            request={"input": "A lighthouse."},
            answer={
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456, 0.0789]}],
                "model": "sentence-transformers/all-MiniLM-L6-v2",
                "usage": {"prompt_tokens": 4, "total_tokens": 4},
            },
        )
    },
)


def blueprint(scope: OperationEndpoint) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("embeddings", __name__)
    answer = openai_operation(scope, Backend.embeddings, lambda body: texts(body["input"]))
    scope.register(routes, "/v1/embeddings", EmbeddingsRequestSchema(scope.config), answer, _DOCUMENTATION)
    return routes
