"""POST /v1/completions: continues a prompt, as OpenAI's API does."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.openai_requests import CompletionsRequestSchema, texts
from app.schemas.openai_responses import CompletionsResponseSchema

_DOCUMENTATION = RouteDoc(
    tag="OpenAI",
    summary="Continue a prompt, as OpenAI does",
    description="What chat completions say of other fields and of streams holds here too. A backend without this route "
    "has its chat model continue one text.",
    answers=(
        RouteResponse("The continuation, whole or as it is made.", {JSON: CompletionsResponseSchema, EVENTS: STREAM}),
    ),
    examples={
        "whole": Example(
            request={"prompt": "One, two, three, four,", "max_tokens": 8, "temperature": 0},
            answer={
                "id": "chatcmpl-Uk9fYWDp3l7zWj281oYRiujCT7eEnCJC",
                "object": "text_completion",
                "created": 1795426426,
                "model": "SmolLM2-135M-Instruct",
                "choices": [
                    {"index": 0, "finish_reason": "length", "text": " five, six, seven, eight,", "logprobs": None}
                ],
                "usage": {"completion_tokens": 8, "prompt_tokens": 8, "total_tokens": 16},
            },
        ),
        "streamed": Example(
            request={"prompt": "One, two, three, four,", "max_tokens": 1, "temperature": 0, "stream": True},
            media_type=EVENTS,
            answer='data: {"choices":[{"text":" five","index":0,"logprobs":null,"finish_reason":null}],'
            '"created":1795426426,"model":"SmolLM2-135M-Instruct","object":"text_completion",'
            '"id":"chatcmpl-iCST7iQv4H7RgO3htH9PajgWbiqcY5uE"}\n\n'
            'data: {"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],'
            '"created":1795426426,"model":"SmolLM2-135M-Instruct","object":"text_completion",'
            '"id":"chatcmpl-iCST7iQv4H7RgO3htH9PajgWbiqcY5uE"}\n\n'
            "data: [DONE]\n\n",
        ),
    },
)


def blueprint(scope: OperationEndpoint) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("completions", __name__)
    answer = openai_operation(scope, Backend.completions, lambda body: texts(body["prompt"]))
    scope.register(routes, "/v1/completions", CompletionsRequestSchema(scope.config), answer, _DOCUMENTATION)
    return routes
