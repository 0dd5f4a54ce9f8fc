"""GET /v1/models and /v1/models/{id}: the models that callers can name, as OpenAI's API lists them."""

from typing import Any

from flask import Blueprint

from app.blueprints.reading import validated
from app.blueprints.scope import Scope
from app.schemas.validate import ValidateRequestSchema
from app.services.catalog import Catalog


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the two routes."""
    routes = Blueprint("models", __name__)
    schema = ValidateRequestSchema(scope.config.max_input_chars)
    catalog = Catalog(scope.inference)

    @routes.get("/v1/models")
    def list_models() -> Any:
        context = scope.context("models")
        entries = [entry for entry in catalog.entries(context) if scope.may_use(entry["id"])]
        return context.with_debug({"object": "list", "data": entries})

    @routes.get("/v1/models/<path:model>")
    def describe_model(model: str) -> Any:
        name = validated(schema, {"model": model})["model"]
        scope.require_model(name)
        context = scope.context("models")
        return context.with_debug(catalog.entry(context, name))

    return routes
