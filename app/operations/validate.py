"""GET /v1/models/validate?model=: checks whether a model can be used."""

from dataclasses import asdict, replace
from typing import Any

from flask import Blueprint

from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse, openapi_doc
from app.operations.endpoint import OperationEndpoint
from app.schemas.validate import ValidateRequestSchema, ValidateResponseSchema
from app.web.request_body import read_query
from app.web.request_state import request_state

_RESPONSE = ValidateResponseSchema()
_DOC = RouteDoc(
    tag="Models",
    summary="Check whether a model can be used",
    description="If the model cannot be used, `valid` is false and `reason` gives the cause; the status is 200.",
    responses=(
        RouteResponse(
            "Whether the model can be used. Other fields are present if known.", {JSON: ValidateResponseSchema}
        ),
    ),
    examples={
        "alias": Example(
            request={"model": "gpt2"}, response={"model": "gpt2", "valid": True, "tasks": ["text-generation"]}
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("validate", __name__)
    schema = ValidateRequestSchema(endpoint.config)

    @routes.get("/v1/models/validate")
    @openapi_doc(replace(_DOC, parameters=schema))
    def validate() -> Any:
        model = read_query(request_state().request, schema)["model"]
        endpoint.require_model(model)
        context = endpoint.start_context("validate")
        result = endpoint.inference.validate(context, model)
        known = {name: value for name, value in asdict(result).items() if value not in (None, ())}
        return context.with_debug(_RESPONSE.dump({"model": model, **known}))

    return routes
