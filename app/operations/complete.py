"""POST /v1/text/complete: continues a prompt."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import EVENTS, Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_generation import RESPONSES, text_operation
from app.schemas.text import TextRequestSchema

_DOC = RouteDoc(
    tag="Text",
    summary="Continue a prompt",
    description="The text continues the prompt. Request, response and stream are those of generate.",
    responses=RESPONSES,
    examples={
        "complete": Example(
            request={"prompt": "One, two, three, four,", "max_tokens": 8, "temperature": 0},
            response={
                "id": "gen-cef812165b5a42708733a2973b9feb85",
                "model": "SmolLM2-135M-Instruct",
                "choices": [{"index": 0, "text": " five, six, seven, eight,", "finish_reason": "length"}],
                "usage": {"prompt_tokens": 8, "completion_tokens": 8, "total_tokens": 16},
                "generated_at": "2026-11-23T09:33:45.243+00:00",
                "processing_ms": 142.4,
            },
        ),
        "streamed": Example(
            request={"prompt": "One, two, three, four,", "max_tokens": 1, "temperature": 0, "stream": True},
            media_type=EVENTS,
            response='data: {"id":"gen-5fe588959b2145f39ebe4a10c044e7c2","model":"SmolLM2-135M-Instruct",'
            '"choices":[{"index":0,"text":" five","finish_reason":null}]}\n\n'
            'data: {"id":"gen-5fe588959b2145f39ebe4a10c044e7c2","model":"SmolLM2-135M-Instruct",'
            '"choices":[{"index":0,"text":"","finish_reason":"length"}],'
            '"usage":{"prompt_tokens":8,"completion_tokens":1,"total_tokens":9},'
            '"generated_at":"2026-11-23T09:33:45.297+00:00","processing_ms":41.1}\n\n'
            "data: [DONE]\n\n",
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("complete", __name__)
    handle = text_operation(endpoint, Backend.complete)
    endpoint.register(routes, "/v1/text/complete", TextRequestSchema(endpoint.config), handle, _DOC)
    return routes
