"""POST /v1/text/generate: responds to a prompt."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import EVENTS, Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_generation import RESPONSES, text_operation
from app.schemas.text import TextRequestSchema

_DOC = RouteDoc(
    tag="Text",
    summary="Respond to a prompt",
    description="The model responds to the prompt like an assistant. With `stream` the text is sent as server-sent "
    "events. The last event is `[DONE]`, or an `error` event if the stream fails.",
    responses=RESPONSES,
    examples={
        "complete": Example(
            request={"prompt": "What is a lighthouse?", "max_tokens": 20, "temperature": 0},
            response={
                "id": "gen-2c9732c2733d46488a33e02edcd1006b",
                "model": "SmolLM2-135M-Instruct",
                "choices": [
                    {
                        "index": 0,
                        "text": "A lighthouse is a beacon that serves as a symbol of the power of light and the "
                        "resilience of the",
                        "finish_reason": "length",
                    }
                ],
                "usage": {"prompt_tokens": 35, "completion_tokens": 20, "total_tokens": 55},
                "generated_at": "2026-11-23T09:33:44.978+00:00",
                "processing_ms": 470.5,
            },
        ),
        "streamed": Example(
            request={"prompt": "Say hello.", "max_tokens": 1, "temperature": 0, "stream": True},
            media_type=EVENTS,
            response='data: {"id":"gen-d85b8ee8b4c44caa8c8039876b0c3d20","model":"SmolLM2-135M-Instruct",'
            '"choices":[{"index":0,"text":"Hello","finish_reason":null}]}\n\n'
            'data: {"id":"gen-d85b8ee8b4c44caa8c8039876b0c3d20","model":"SmolLM2-135M-Instruct",'
            '"choices":[{"index":0,"text":"","finish_reason":"length"}],'
            '"usage":{"prompt_tokens":33,"completion_tokens":1,"total_tokens":34},'
            '"generated_at":"2026-11-23T09:33:45.087+00:00","processing_ms":95.9}\n\n'
            "data: [DONE]\n\n",
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("generate", __name__)
    handle = text_operation(endpoint, Backend.generate)
    endpoint.register(routes, "/v1/text/generate", TextRequestSchema(endpoint.config), handle, _DOC)
    return routes
