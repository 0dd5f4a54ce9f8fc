"""POST /v1/text/complete: continues a prompt."""

from flask import Blueprint

from app.blueprints.scope import Scope
from app.blueprints.text import text_operation
from app.schemas.text import TextRequestSchema


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("complete", __name__)
    answer = text_operation(scope, scope.inference.complete)
    scope.post(routes, "/v1/text/complete", TextRequestSchema(scope.config.max_input_chars), answer)
    return routes
