"""GET /v1/models/validate?model=: tells whether a model can be used."""

from dataclasses import asdict, replace
from typing import Any

from flask import Blueprint

from app.blueprints.reading import read_query
from app.blueprints.scope import Scope
from app.current import current
from app.openapi.documentation import JSON, Answer, Documentation, Example, documented
from app.schemas.validate import ValidateRequestSchema, ValidateResponseSchema

_RESPONSE = ValidateResponseSchema()
_DOCUMENTATION = Documentation(
    tag="Models",
    summary="Tell whether a model can be used",
    description="A model that cannot be used is no error: `valid` is false, and `reason` says why.",
    answers=(
        Answer("Whether the model can be used; the rest is there where it is known.", {JSON: ValidateResponseSchema}),
    ),
    examples={
        "alias": Example(
            request={"model": "gpt2"}, answer={"model": "gpt2", "valid": True, "tasks": ["text-generation"]}
        )
    },
)


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("validate", __name__)
    schema = ValidateRequestSchema(scope.config)

    @routes.get("/v1/models/validate")
    @documented(replace(_DOCUMENTATION, parameters=schema))
    def validate() -> Any:
        model = read_query(current().request, schema)["model"]
        scope.require_model(model)
        context = scope.context("validate")
        result = scope.inference.validate(context, model)
        known = {name: value for name, value in asdict(result).items() if value not in (None, ())}
        return context.with_debug(_RESPONSE.dump({"model": model, **known}))

    return routes
