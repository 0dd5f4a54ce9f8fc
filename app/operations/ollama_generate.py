"""POST /api/generate: responds to a prompt, like Ollama's API."""

from flask import Blueprint

from app.openapi.route_doc import JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.ollama_routes import text_route
from app.schemas.ollama import OllamaGenerateRequestSchema
from app.schemas.ollama_responses import OllamaGenerateResponseSchema
from app.schemas.openai_requests import ChatRequestSchema
from app.translators.ollama.events import NDJSON
from app.translators.ollama.translators import OLLAMA_GENERATE

_DOC = RouteDoc(
    tag="Ollama",
    summary="Respond to a prompt, in Ollama's form",
    description="The prompt is the message of a user, in the template of the model. Streams by default: one line of "
    "JSON for each part, the last with `done: true`. `raw`, `suffix`, `template` and `context` get 501.",
    responses=(
        RouteResponse("The response, complete or as a stream.", {JSON: OllamaGenerateResponseSchema, NDJSON: STREAM}),
    ),
    examples={
        "complete": Example(
            request={
                "prompt": "What is a lighthouse?",
                "options": {"num_predict": 20, "temperature": 0},
                "stream": False,
            },
            response={
                "model": "SmolLM2-135M-Instruct",
                "created_at": "2026-11-28T05:55:12.123456Z",
                "response": "A lighthouse is a beacon that serves as a symbol of the power of light and the "
                "resilience of the",
                "done": True,
                "done_reason": "length",
                "total_duration": 412345678,
                "prompt_eval_count": 35,
                "eval_count": 20,
            },
        ),
        "streamed": Example(
            request={"prompt": "Say hello.", "options": {"num_predict": 1, "temperature": 0}},
            media_type=NDJSON,
            response='{"model":"SmolLM2-135M-Instruct","created_at":"2026-11-28T05:55:12.123456Z",'
            '"response":"Hello","done":false}\n'
            '{"model":"SmolLM2-135M-Instruct","created_at":"2026-11-28T05:55:12.133456Z",'
            '"response":"","done":true,"done_reason":"length","total_duration":112345678,'
            '"prompt_eval_count":33,"eval_count":1,"prompt_eval_duration":101234567,"eval_duration":11111111}\n',
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("ollama_generate", __name__)
    schema, translated = OllamaGenerateRequestSchema(endpoint.config), ChatRequestSchema(endpoint.config)
    translate = text_route(endpoint, OLLAMA_GENERATE)
    endpoint.register_translated(routes, "/api/generate", schema, translate, translated, _DOC)
    return routes
