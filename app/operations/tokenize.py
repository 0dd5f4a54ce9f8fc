"""POST /tokenize: turns a text or a conversation into tokens, like vLLM, TGI, TEI and llama.cpp."""

from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.context.call_context import CallContext
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.schemas.tokenize import TokenizeRequestSchema, TokenizeResponseSchema
from app.translators.tokenizers.requests import tokenize_request
from app.translators.tokenizers.responses import tokenize_response

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Turn a text or a conversation into tokens",
    description="The response has vLLM's shape for `prompt` and `messages`, llama.cpp's for `content`, and TGI's or "
    "TEI's, which are lists, for `inputs`. No model runs, so quotas of tokens are not charged.",
    responses=(
        RouteResponse("The tokens.", {JSON: {"anyOf": [TokenizeResponseSchema, {"type": "array", "items": {}}]}}),
    ),
    examples={
        "text": Example(
            request={"prompt": "Hello world"},
            response={"count": 2, "max_model_len": 2048, "tokens": [19556, 905], "token_strs": None},
        ),
        "pieces": Example(
            request={"content": "Hello world", "with_pieces": True},
            response={"tokens": [{"id": 19556, "piece": "Hello"}, {"id": 905, "piece": " world"}]},
        ),
        "places": Example(
            request={"inputs": "Hello world"},
            response=[
                {"id": 19556, "text": "Hello", "start": 0, "stop": 5},
                {"id": 905, "text": " world", "start": 5, "stop": 11},
            ],
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("tokenize", __name__)

    def handle(context: CallContext, body: dict[str, Any]) -> Any:
        result = endpoint.inference.run(context, Backend.tokenize, tokenize_request(body), body.get("model"))
        return tokenize_response(body, result)

    endpoint.register(routes, "/tokenize", TokenizeRequestSchema(endpoint.config), handle, _DOC)
    return routes
