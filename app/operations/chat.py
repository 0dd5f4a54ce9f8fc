"""POST /v1/chat/completions: responds to a conversation, like OpenAI's API."""

from dataclasses import replace

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.huggingface import ModelPathSchema
from app.schemas.openai_requests import ChatRequestSchema
from app.schemas.openai_responses import ChatResponseSchema

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Respond to a conversation",
    description="Compatible with OpenAI's API. Unknown fields of the request are passed through to the backend, and "
    "unknown fields of its response to the client. With `stream` the response is a stream of events. A stream that "
    "fails ends with an event with an `error` instead of `[DONE]`.",
    responses=(RouteResponse("The response, complete or as a stream.", {JSON: ChatResponseSchema, EVENTS: STREAM}),),
    examples={
        "complete": Example(
            request={
                "messages": [{"role": "user", "content": "What is a lighthouse?"}],
                "max_tokens": 20,
                "temperature": 0,
            },
            response={
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
            response='data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],'
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


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("chat", __name__)
    handle = openai_operation(endpoint, Backend.chat, lambda body: body["messages"].text)
    schema = ChatRequestSchema(endpoint.config)
    endpoint.register(routes, "/v1/chat/completions", schema, handle, _DOC)
    # libraries of Hugging Face append the route to the URL of a model
    doc = replace(_DOC, parameters=ModelPathSchema(endpoint.config))
    for prefix, name in (("", "model_chat"), ("/hf-inference", "hf_inference_chat")):
        endpoint.register(routes, f"{prefix}/models/<path:model>/v1/chat/completions", schema, handle, doc, name=name)
    return routes
