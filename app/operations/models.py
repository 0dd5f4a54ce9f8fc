"""GET /v1/models and /v1/models/{id}: the models that callers can name, as OpenAI's API lists them."""

from dataclasses import replace
from typing import Any

from flask import Blueprint

from app.errors import NotFound
from app.inference.model_catalog import ModelCatalog
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse, openapi_doc
from app.operations.endpoint import OperationEndpoint
from app.schemas.openai_responses import ModelSchema, ModelsResponseSchema
from app.schemas.validate import ValidateRequestSchema
from app.web.request_body import validated

_GPT2 = {"id": "gpt2", "object": "model", "created": 0, "owned_by": "embedded"}
_LIST = RouteDoc(
    tag="OpenAI",
    summary="List the models",
    description="The names that the settings know, then what the primary backend lists.",
    answers=(RouteResponse("The list.", {JSON: ModelsResponseSchema}),),
    examples={
        "embedded": Example({"object": "list", "data": [_GPT2, {**_GPT2, "id": "SmolLM2-135M-Instruct"}]}),
    },
)
_ENTRY = RouteDoc(
    tag="OpenAI",
    summary="Describe a model",
    description="The name may hold slashes, as they are or as `%2F`. The name `validate` belongs to another route.",
    answers=(RouteResponse("The model.", {JSON: ModelSchema}),),
    examples={"alias": Example(_GPT2, {"model": "gpt2"})},
    errors=(NotFound,),
)


def blueprint(scope: OperationEndpoint) -> Blueprint:
    """Make the blueprint of the two routes."""
    routes = Blueprint("models", __name__)
    schema = ValidateRequestSchema(scope.config)
    catalog = ModelCatalog(scope.inference)

    @routes.get("/v1/models")
    @openapi_doc(_LIST)
    def list_models() -> Any:
        context = scope.start_context("models")
        entries = [entry for entry in catalog.entries(context) if scope.may_use(entry["id"])]
        return context.with_debug({"object": "list", "data": entries})

    @routes.get("/v1/models/<path:model>")
    @openapi_doc(replace(_ENTRY, parameters=schema))
    def describe_model(model: str) -> Any:
        name = validated(schema, {"model": model})["model"]
        scope.require_model(name)
        context = scope.start_context("models")
        return context.with_debug(catalog.entry(context, name))

    return routes
