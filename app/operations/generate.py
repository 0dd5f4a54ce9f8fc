"""POST /v1/text/generate: answers a prompt."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import EVENTS, Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_generation import ANSWERS, text_operation
from app.schemas.text import TextRequestSchema

_DOCUMENTATION = RouteDoc(
    tag="Text",
    summary="Answer a prompt",
    description="The model answers the prompt, as an assistant would. With `stream` the text comes as it is made: "
    "server-sent events, of which the last is `[DONE]`, or an event `error` where the answer broke off.",
    answers=ANSWERS,
    examples={
        "whole": Example(
            request={"prompt": "What is a lighthouse?", "max_tokens": 20, "temperature": 0},
            answer={
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
            answer='data: {"id":"gen-d85b8ee8b4c44caa8c8039876b0c3d20","model":"SmolLM2-135M-Instruct",'
            '"choices":[{"index":0,"text":"Hello","finish_reason":null}]}\n\n'
            'data: {"id":"gen-d85b8ee8b4c44caa8c8039876b0c3d20","model":"SmolLM2-135M-Instruct",'
            '"choices":[{"index":0,"text":"","finish_reason":"length"}],'
            '"usage":{"prompt_tokens":33,"completion_tokens":1,"total_tokens":34},'
            '"generated_at":"2026-11-23T09:33:45.087+00:00","processing_ms":95.9}\n\n'
            "data: [DONE]\n\n",
        ),
    },
)


def blueprint(scope: OperationEndpoint) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("generate", __name__)
    answer = text_operation(scope, Backend.generate)
    scope.register(routes, "/v1/text/generate", TextRequestSchema(scope.config), answer, _DOCUMENTATION)
    return routes
