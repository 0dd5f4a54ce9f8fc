"""POST /v1/completions: continues a prompt, as OpenAI's API does."""

from flask import Blueprint

from app.blueprints.openai_answers import openai_operation
from app.blueprints.scope import Scope
from app.schemas.openai import CompletionsRequestSchema, texts


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("completions", __name__)
    answer = openai_operation(scope, scope.inference.completions, lambda body: texts(body["prompt"]))
    scope.post(routes, "/v1/completions", CompletionsRequestSchema(scope.config.max_input_chars), answer)
    return routes
