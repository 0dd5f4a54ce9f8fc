"""POST /generate, POST /generate_stream and GET /info, like text-generation-inference (TGI)."""

from functools import partial
from typing import Any

from flask import Blueprint

from app.config import hf_tasks as tasks
from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse, openapi_doc
from app.operations.endpoint import Dispatch, OperationEndpoint
from app.operations.task import STREAMED, TaskCalls
from app.schemas.fields import MAX_STOPS, MAX_TOKENS
from app.schemas.huggingface import (
    MAX_BEST_OF,
    MAX_INPUTS,
    GenerateRequestSchema,
)
from app.schemas.tgi_responses import GeneratedTextSchema, TgiInfoSchema
from app.version import SERVICE, __version__

_REQUEST = {"inputs": "One, two, three, four,", "parameters": {"max_new_tokens": 8}}
_DOC = RouteDoc(
    tag="Hugging Face",
    summary="Generate text, like text-generation-inference",
    description="Parameters that the backend cannot carry out get 501. `details.tokens` are empty if the backend "
    "returns no log-probabilities.",
    responses=(RouteResponse("The text.", {JSON: GeneratedTextSchema}),),
    examples={"text": Example(request=_REQUEST, response={"generated_text": " five, six, seven, eight,"})},
)
_STREAM_DOC = RouteDoc(
    tag="Hugging Face",
    summary="Stream text, like text-generation-inference",
    description="An event for each token; the last one has the complete text. A stream that fails ends with an event "
    "with an `error` and its `error_type`.",
    responses=(RouteResponse("The stream.", {EVENTS: STREAM}),),
    examples={
        "stream": Example(
            request={"inputs": "One, two, three, four,", "parameters": {"max_new_tokens": 1}},
            media_type=EVENTS,
            response=STREAMED,
        )
    },
)
_INFO = {
    "model_id": "SmolLM2-135M-Instruct",
    "model_sha": None,
    "model_pipeline_tag": tasks.TEXT_GENERATION,
    "max_concurrent_requests": 256,
    "max_best_of": MAX_BEST_OF,
    "max_stop_sequences": MAX_STOPS,
    "max_input_tokens": 20_000,
    "max_total_tokens": 20_000 + MAX_TOKENS,
    "max_client_batch_size": MAX_INPUTS,
    "router": SERVICE,
    "version": "1.0.0",
    "sha": None,
    "docker_label": None,
}
_INFO_DOC = RouteDoc(
    tag="Hugging Face",
    summary="Describe the service, like text-generation-inference",
    description="The default model and the limits. Limits of inputs are characters, of which a token has at least one.",
    responses=(RouteResponse("The facts.", {JSON: TgiInfoSchema}),),
    examples={"embedded": Example(_INFO)},
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the three routes."""
    routes = Blueprint("tgi", __name__)
    schema, calls = GenerateRequestSchema(endpoint.config), TaskCalls(endpoint)
    for rule, name, doc, stream in (
        ("/generate", "tgi_generate", _DOC, False),
        ("/generate_stream", "tgi_generate_stream", _STREAM_DOC, True),
    ):
        endpoint.register_dispatched(routes, rule, schema, partial(_dispatch, calls, stream), doc, name=name)

    @routes.get("/info")
    @openapi_doc(_INFO_DOC)
    def info() -> Any:
        return endpoint.start_context("tgi").with_debug(_info(endpoint))

    return routes


def _dispatch(calls: TaskCalls, stream: bool, body: dict[str, Any]) -> Dispatch:
    parameters = body.get("parameters") or {}
    return calls.generation(tasks.TEXT_GENERATION, {**body, "stream": stream}, parameters, is_list=False)


def _info(endpoint: OperationEndpoint) -> dict[str, Any]:
    config, models = endpoint.config, endpoint.inference.executor.models
    return {
        **_INFO,
        "model_id": models.primary.default_model("complete") or "",
        "max_concurrent_requests": config.upstream_max_concurrency,
        "max_input_tokens": config.max_input_chars,
        "max_total_tokens": config.max_input_chars + MAX_TOKENS,
        "version": __version__,
    }
