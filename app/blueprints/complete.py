"""POST /v1/text/complete: continues a prompt."""

from flask import Blueprint

from app.blueprints.scope import Scope
from app.blueprints.text import text_view


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("complete", __name__)
    routes.post("/v1/text/complete", endpoint="complete")(text_view(scope, "complete", scope.inference.complete))
    return routes
