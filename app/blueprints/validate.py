"""GET /v1/models/validate?model=: tells whether a model can be used."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint

from app.blueprints.reading import read_query
from app.blueprints.scope import Scope
from app.schemas.validate import ValidateRequestSchema, ValidateResponseSchema

_RESPONSE = ValidateResponseSchema()


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("validate", __name__)
    schema = ValidateRequestSchema(scope.config.max_input_chars)

    @routes.get("/v1/models/validate")
    def validate() -> Any:
        model = read_query(schema)["model"]
        scope.require_model(model)
        context = scope.context("validate")
        result = scope.inference.validate(context, model)
        known = {name: value for name, value in asdict(result).items() if value not in (None, ())}
        return context.with_debug(_RESPONSE.dump({"model": model, **known}))

    return routes
