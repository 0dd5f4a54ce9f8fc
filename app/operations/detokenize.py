"""POST /detokenize: returns the text of tokens, like vLLM and llama.cpp."""

from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.context.call_context import CallContext
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.schemas.tokenize import DetokenizeRequestSchema, DetokenizeResponseSchema

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Return the text of tokens",
    description="The text is in `prompt`, as in vLLM's API, and in `content`, as in llama.cpp's.",
    responses=(RouteResponse("The text.", {JSON: DetokenizeResponseSchema}),),
    examples={
        "greeting": Example(
            request={"tokens": [19556, 905]}, response={"prompt": "Hello world", "content": "Hello world"}
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("detokenize", __name__)

    def handle(context: CallContext, body: dict[str, Any]) -> Any:
        result = endpoint.inference.run(context, Backend.detokenize, body["tokens"], body.get("model"))
        return dict.fromkeys(("prompt", "content"), result.text)

    endpoint.register(routes, "/detokenize", DetokenizeRequestSchema(endpoint.config), handle, _DOC)
    return routes
