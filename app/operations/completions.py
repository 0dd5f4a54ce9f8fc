"""POST /v1/completions: continues a prompt, like OpenAI's API."""

from dataclasses import replace

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.huggingface import ModelPathSchema
from app.schemas.openai_requests import CompletionsRequestSchema, joined_texts
from app.schemas.openai_responses import CompletionsResponseSchema

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Continue a prompt, like OpenAI's API",
    description="Unknown fields and streams are handled as in chat completions. On a backend without this route its "
    "chat model continues the prompt, which must then be text; several prompts are a call each, without a stream.",
    responses=(
        RouteResponse("The continuation, complete or as a stream.", {JSON: CompletionsResponseSchema, EVENTS: STREAM}),
    ),
    examples={
        "complete": Example(
            request={"prompt": "One, two, three, four,", "max_tokens": 8, "temperature": 0},
            response={
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
            response='data: {"choices":[{"text":" five","index":0,"logprobs":null,"finish_reason":null}],'
            '"created":1795426426,"model":"SmolLM2-135M-Instruct","object":"text_completion",'
            '"id":"chatcmpl-iCST7iQv4H7RgO3htH9PajgWbiqcY5uE"}\n\n'
            'data: {"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],'
            '"created":1795426426,"model":"SmolLM2-135M-Instruct","object":"text_completion",'
            '"id":"chatcmpl-iCST7iQv4H7RgO3htH9PajgWbiqcY5uE"}\n\n'
            "data: [DONE]\n\n",
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("completions", __name__)
    handle = openai_operation(endpoint, Backend.completions, lambda body: joined_texts(body["prompt"]))
    schema = CompletionsRequestSchema(endpoint.config)
    endpoint.register(routes, "/v1/completions", schema, handle, _DOC)
    # libraries of Hugging Face append the route to the URL of a model
    doc = replace(_DOC, parameters=ModelPathSchema(endpoint.config))
    for prefix, name in (("", "model_completions"), ("/hf-inference", "hf_inference_completions")):
        endpoint.register(routes, f"{prefix}/models/<path:model>/v1/completions", schema, handle, doc, name=name)
    return routes
