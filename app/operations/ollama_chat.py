"""POST /api/chat: responds to a conversation, like Ollama's API."""

from flask import Blueprint

from app.openapi.route_doc import JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.ollama_routes import text_route
from app.schemas.ollama import OllamaChatRequestSchema
from app.schemas.ollama_responses import OllamaChatResponseSchema
from app.schemas.openai_requests import ChatRequestSchema
from app.translators.ollama.events import NDJSON
from app.translators.ollama.translators import OLLAMA_CHAT

_DOC = RouteDoc(
    tag="Ollama",
    summary="Respond to a conversation, in Ollama's form",
    description="Streams by default: one line of JSON for each part, the last with `done: true`. A stream that fails "
    "ends with a line with an `error`. Unknown fields and options are ignored.",
    responses=(
        RouteResponse("The response, complete or as a stream.", {JSON: OllamaChatResponseSchema, NDJSON: STREAM}),
    ),
    examples={
        "complete": Example(
            request={
                "messages": [{"role": "user", "content": "What is a lighthouse?"}],
                "options": {"num_predict": 20, "temperature": 0},
                "stream": False,
            },
            response={
                "model": "SmolLM2-135M-Instruct",
                "created_at": "2026-11-28T05:55:12.123456Z",
                "message": {
                    "role": "assistant",
                    "content": "A lighthouse is a beacon that serves as a symbol of the power of light and the "
                    "resilience of the",
                },
                "done": True,
                "done_reason": "length",
                "total_duration": 412345678,
                "prompt_eval_count": 35,
                "eval_count": 20,
            },
        ),
        "streamed": Example(
            request={
                "messages": [{"role": "user", "content": "Say hello."}],
                "options": {"num_predict": 1, "temperature": 0},
            },
            media_type=NDJSON,
            response='{"model":"SmolLM2-135M-Instruct","created_at":"2026-11-28T05:55:12.123456Z",'
            '"message":{"role":"assistant","content":"Hello"},"done":false}\n'
            '{"model":"SmolLM2-135M-Instruct","created_at":"2026-11-28T05:55:12.133456Z",'
            '"message":{"role":"assistant","content":""},"done":true,"done_reason":"length",'
            '"total_duration":112345678,"prompt_eval_count":33,"eval_count":1,'
            '"prompt_eval_duration":101234567,"eval_duration":11111111}\n',
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("ollama_chat", __name__)
    config = endpoint.config
    schema, translated = OllamaChatRequestSchema(config), ChatRequestSchema(config)
    endpoint.register_translated(routes, "/api/chat", schema, text_route(endpoint, OLLAMA_CHAT), translated, _DOC)
    return routes
