"""GET /v1/models/validate?model=: tells whether a model can be used."""

from dataclasses import asdict, replace
from typing import Any

from flask import Blueprint

from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse, openapi_doc
from app.operations.endpoint import OperationEndpoint
from app.schemas.validate import ValidateRequestSchema, ValidateResponseSchema
from app.web.request_body import read_query
from app.web.request_state import request_state

_RESPONSE = ValidateResponseSchema()
_DOCUMENTATION = RouteDoc(
    tag="Models",
    summary="Tell whether a model can be used",
    description="A model that cannot be used is no error: `valid` is false, and `reason` says why.",
    answers=(
        RouteResponse(
            "Whether the model can be used; the rest is there where it is known.", {JSON: ValidateResponseSchema}
        ),
    ),
    examples={
        "alias": Example(
            request={"model": "gpt2"}, answer={"model": "gpt2", "valid": True, "tasks": ["text-generation"]}
        )
    },
)


def blueprint(scope: OperationEndpoint) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("validate", __name__)
    schema = ValidateRequestSchema(scope.config)

    @routes.get("/v1/models/validate")
    @openapi_doc(replace(_DOCUMENTATION, parameters=schema))
    def validate() -> Any:
        model = read_query(request_state().request, schema)["model"]
        scope.require_model(model)
        context = scope.start_context("validate")
        result = scope.inference.validate(context, model)
        known = {name: value for name, value in asdict(result).items() if value not in (None, ())}
        return context.with_debug(_RESPONSE.dump({"model": model, **known}))

    return routes
