"""POST /embed: turns texts into vectors, like text-embeddings-inference."""

from functools import partial
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import OpenAIRequest
from app.context.call_context import CallContext
from app.errors import NotSupported
from app.inference.service import InferenceService
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import Handler, OperationEndpoint
from app.schemas.openai_requests import EmbeddingsRequestSchema
from app.schemas.tei import EmbedRequestSchema
from app.translators.tei.responses import normalized, require_complete, without_others

_VECTORS = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
_DOC = RouteDoc(
    tag="Embeddings inference",
    summary="Turn texts into vectors",
    description="As `POST /v1/embeddings`.",
    responses=(RouteResponse("One vector for each text.", {JSON: _VECTORS}),),
    examples={"vector": Example(request={"inputs": "A lighthouse."}, response=[[0.6, -0.8]])},
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("embed", __name__)
    schema = EmbedRequestSchema(endpoint.config)
    translate = partial(_translate, endpoint.inference)
    endpoint.register_translated(routes, "/embed", schema, translate, EmbeddingsRequestSchema(endpoint.config), _DOC)
    return routes


def _translate(inference: InferenceService, body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
    inputs = body["inputs"]
    texts = inputs if isinstance(inputs, list) else [inputs]
    return {"input": texts, **without_others(body, "model", "dimensions")}, partial(_handle, inference, body)


def _handle(inference: InferenceService, body: dict[str, Any], context: CallContext, plain: dict[str, Any]) -> Any:
    if body.get("prompt_name"):
        raise NotSupported("Named prompts are not supported; write the prompt into the texts.")
    model = plain.pop("model", None)
    result = inference.run(context, Backend.embeddings, OpenAIRequest(plain, "\n".join(plain["input"])), model)
    require_complete(body.get("truncate"), truncated=bool(result.payload.get("truncated")))
    vectors = [entry["embedding"] for entry in sorted(result.payload["data"], key=lambda entry: entry["index"])]
    return [normalized(vector) for vector in vectors] if body.get("normalize", True) else vectors
