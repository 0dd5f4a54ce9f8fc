"""POST /v1/classify and /classify: classifies texts, like vLLM's API."""

from flask import Blueprint

from app.backends.base import Backend
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.openai_passthrough import openai_operation
from app.schemas.openai_fields import joined_texts
from app.schemas.vllm_classify import ClassifyRequestSchema, ClassifyResponseSchema

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Classify texts, like vLLM's API",
    description="The upstream's own classifier or a text-classification pipeline; without one the sentiment is rated.",
    responses=(RouteResponse("The class of each text.", {JSON: ClassifyResponseSchema}),),
    examples={
        "review": Example(
            request={"input": "A wonderful film, I loved every minute of it."},
            response={
                "id": "classify-8c1a7f40c7be4c2a9a6d3f04e3f3a9d1",
                "object": "list",
                "created": 1_700_000_000,
                "model": "bge-small-en-v1.5",
                "data": [
                    {
                        "index": 0,
                        "label": "positive",
                        "probs": [0.0037, 0.0014, 0.995],
                        "num_classes": 3,
                        "labels": ["negative", "neutral", "positive"],
                    }
                ],
                "usage": {"prompt_tokens": 27, "total_tokens": 27},
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of both routes."""
    routes = Blueprint("vllm_classify", __name__)
    handle = openai_operation(endpoint, Backend.vllm_classify, lambda body: joined_texts(body["input"]))
    schema = ClassifyRequestSchema(endpoint.config)
    endpoint.register(routes, "/v1/classify", schema, handle, _DOC)
    endpoint.register(routes, "/classify", schema, handle, _DOC, name="vllm_classify_root")
    return routes
