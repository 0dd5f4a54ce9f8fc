"""GET /v1/models and /v1/models/{id}: the models that clients can name, like OpenAI's API."""

from dataclasses import replace
from typing import Any

from flask import Blueprint

from app.config.encoder_models import EMBEDDING_MODELS
from app.errors import NotFound
from app.inference.model_catalog import ModelCatalog
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse, openapi_doc
from app.operations.endpoint import OperationEndpoint
from app.schemas.openai_responses import ModelSchema, ModelsResponseSchema
from app.schemas.validate import ValidateRequestSchema
from app.web.request_body import load

_GPT2 = {"id": "gpt2", "object": "model", "created": 0, "owned_by": "embedded"}
_EMBEDDED = ("SmolLM2-135M-Instruct", *EMBEDDING_MODELS)
_LIST_DOC = RouteDoc(
    tag="OpenAI",
    summary="List the models",
    description="The names from the settings, then the models that the primary backend lists.",
    responses=(RouteResponse("The list.", {JSON: ModelsResponseSchema}),),
    examples={
        "embedded": Example({"object": "list", "data": [_GPT2, *({**_GPT2, "id": name} for name in _EMBEDDED)]}),
    },
)
_MODEL_DOC = RouteDoc(
    tag="OpenAI",
    summary="Describe a model",
    description="The name may contain slashes, plain or as `%2F`. The name `validate` belongs to another route.",
    responses=(RouteResponse("The model.", {JSON: ModelSchema}),),
    examples={"alias": Example(_GPT2, {"model": "gpt2"})},
    errors=(NotFound,),
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the two routes."""
    routes = Blueprint("models", __name__)
    schema = ValidateRequestSchema(endpoint.config)
    catalog = ModelCatalog(endpoint.inference)

    @routes.get("/v1/models")
    @openapi_doc(_LIST_DOC)
    def list_models() -> Any:
        context = endpoint.start_context("models")
        entries = [entry for entry in catalog.entries(context) if endpoint.may_use(entry["id"])]
        return context.with_debug({"object": "list", "data": entries})

    @routes.get("/v1/models/<path:model>")
    @openapi_doc(replace(_MODEL_DOC, parameters=schema))
    def describe_model(model: str) -> Any:
        name = load(schema, {"model": model})["model"]
        endpoint.require_model(name)
        context = endpoint.start_context("models")
        return context.with_debug(catalog.entry(context, name))

    return routes
