"""POST /api/embed and /api/embeddings: turn texts into vectors, like Ollama's API."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import OpenAIRequest, OpenAIResult
from app.context.call_context import CallContext
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import Handler, OperationEndpoint
from app.operations.ollama_routes import untag
from app.schemas.fields import RequestSchema
from app.schemas.ollama import OllamaEmbeddingsRequestSchema, OllamaEmbedRequestSchema
from app.schemas.ollama_responses import OllamaEmbeddingsResponseSchema, OllamaEmbedResponseSchema
from app.schemas.openai_requests import EmbeddingsRequestSchema, joined_texts
from app.translators.ollama.response import nanoseconds

# model, vectors and tokens
Embedded = tuple[str, list[Any], int]
Prepare = Callable[[dict[str, Any]], dict[str, Any]]
Respond = Callable[[CallContext, Embedded], dict[str, Any]]

_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_DOC = RouteDoc(
    tag="Ollama",
    summary="Turn texts into vectors, in Ollama's form",
    description="The vectors are those of the backend, which decides on texts that are too long.",
    responses=(RouteResponse("One vector for each text.", {JSON: OllamaEmbedResponseSchema}),),
    examples={
        "vector": Example(
            request={"input": "A lighthouse."},
            response={
                "model": _MODEL,
                "embeddings": [[0.0123, -0.0456, 0.0789]],
                "total_duration": 12345678,
                "prompt_eval_count": 4,
            },
        )
    },
)
_OLDER_DOC = RouteDoc(
    tag="Ollama",
    summary="Turn a text into a vector, in Ollama's older form",
    description="Clients of today use /api/embed.",
    responses=(RouteResponse("The vector; an empty one without a text.", {JSON: OllamaEmbeddingsResponseSchema}),),
    examples={
        "vector": Example(request={"prompt": "A lighthouse."}, response={"embedding": [0.0123, -0.0456, 0.0789]})
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the two routes."""
    routes = Blueprint("ollama_embed", __name__)
    embeddings = EmbeddingsRequestSchema(endpoint.config)

    def register(rule: str, schema: RequestSchema, prepare: Prepare, respond: Respond, doc: RouteDoc) -> None:
        def handle(context: CallContext, body: dict[str, Any]) -> dict[str, Any]:
            return respond(context, _embed(endpoint, context, body))

        def translate(body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
            return prepare(untag(endpoint, body)), handle

        name = f"ollama_{rule.rpartition('/')[2]}"
        endpoint.register_translated(routes, rule, schema, translate, embeddings, doc, name=name)

    register("/api/embed", OllamaEmbedRequestSchema(endpoint.config), _embed_request, _embed_response, _DOC)
    older = OllamaEmbeddingsRequestSchema(endpoint.config)
    register("/api/embeddings", older, _embeddings_request, _embeddings_response, _OLDER_DOC)
    return routes


def _embed(endpoint: OperationEndpoint, context: CallContext, body: dict[str, Any]) -> Embedded:
    """Return the model, the vectors and the tokens of the texts; no text needs no call."""
    model = body.pop("model", None)
    if not body["input"]:
        return model or "default", [], 0
    request = OpenAIRequest(body, joined_texts(body["input"]))
    result: OpenAIResult = endpoint.inference.run(context, Backend.embeddings, request, model)
    vectors = [entry["embedding"] for entry in result.payload["data"]]
    return result.payload["model"], vectors, result.usage.prompt_tokens


def _embed_request(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("model", "input", "dimensions") if name in body}


def _embeddings_request(body: dict[str, Any]) -> dict[str, Any]:
    named = {"model": body["model"]} if "model" in body else {}
    return {**named, "input": body.get("prompt", "")}


def _embed_response(context: CallContext, result: Embedded) -> dict[str, Any]:
    model, vectors, tokens = result
    return {
        "model": model,
        "embeddings": vectors,
        "total_duration": nanoseconds(context.request.elapsed()),
        "prompt_eval_count": tokens,
    }


def _embeddings_response(_context: CallContext, result: Embedded) -> dict[str, Any]:
    return {"embedding": result[1][0] if result[1] else []}
