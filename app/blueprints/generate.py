"""POST /v1/text/generate: answers a prompt."""

from flask import Blueprint

from app.blueprints.scope import Scope
from app.blueprints.text import text_view


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("generate", __name__)
    routes.post("/v1/text/generate", endpoint="generate")(text_view(scope, "generate", scope.inference.generate))
    return routes
