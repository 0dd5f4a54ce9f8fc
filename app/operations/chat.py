"""POST /v1/chat/completions: answers a conversation, as OpenAI's API does."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.openai_requests import ChatRequestSchema, messages_text
from app.schemas.openai_responses import ChatResponseSchema

_DOCUMENTATION = RouteDoc(
    tag="OpenAI",
    summary="Answer a conversation",
    description="As OpenAI's API does. Fields that are not named here are passed on to the backend, and what it gives "
    "is passed on to the caller. With `stream` the answer comes as it is made; one that broke off ends in an event "
    "that holds an `error`, and not in `[DONE]`.",
    answers=(RouteResponse("The answer, whole or as it is made.", {JSON: ChatResponseSchema, EVENTS: STREAM}),),
    examples={
        "whole": Example(
            request={
                "messages": [{"role": "user", "content": "What is a lighthouse?"}],
                "max_tokens": 20,
                "temperature": 0,
            },
            answer={
                "id": "chatcmpl-apFv2MHeqzlzXO7CxNyh6dMxefKR4QRu",
                "object": "chat.completion",
                "created": 1795426426,
                "model": "SmolLM2-135M-Instruct",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "length",
                        "logprobs": None,
                        "message": {
                            "role": "assistant",
                            "content": "A lighthouse is a beacon that serves as a symbol of the power of light and the "
                            "resilience of the",
                        },
                    }
                ],
                "usage": {"completion_tokens": 20, "prompt_tokens": 35, "total_tokens": 55},
            },
        ),
        "streamed": Example(
            request={
                "messages": [{"role": "user", "content": "Say hello."}],
                "max_tokens": 1,
                "temperature": 0,
                "stream": True,
            },
            media_type=EVENTS,
            answer='data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],'
            '"created":1795426426,"id":"chatcmpl-3cEn7D6bK5SNgLWWLaLj9MmcFMZlv3u9","model":"SmolLM2-135M-Instruct",'
            '"object":"chat.completion.chunk"}\n\n'
            'data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hello"}}],'
            '"created":1795426426,"id":"chatcmpl-3cEn7D6bK5SNgLWWLaLj9MmcFMZlv3u9","model":"SmolLM2-135M-Instruct",'
            '"object":"chat.completion.chunk"}\n\n'
            'data: {"choices":[{"finish_reason":"length","index":0,"delta":{}}],'
            '"created":1795426426,"id":"chatcmpl-3cEn7D6bK5SNgLWWLaLj9MmcFMZlv3u9","model":"SmolLM2-135M-Instruct",'
            '"object":"chat.completion.chunk"}\n\n'
            "data: [DONE]\n\n",
        ),
    },
)


def blueprint(scope: OperationEndpoint) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("chat", __name__)
    answer = openai_operation(scope, Backend.chat, lambda body: messages_text(body["messages"]))
    scope.register(routes, "/v1/chat/completions", ChatRequestSchema(scope.config), answer, _DOCUMENTATION)
    return routes
