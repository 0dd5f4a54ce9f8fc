"""POST /v1/embeddings: turns texts into vectors, as OpenAI's API does."""

from flask import Blueprint

from app.blueprints.openai_answers import openai_operation
from app.blueprints.scope import Scope
from app.schemas.openai import EmbeddingsRequestSchema, texts


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("embeddings", __name__)
    answer = openai_operation(scope, scope.inference.embeddings, lambda body: texts(body["input"]))
    scope.post(routes, "/v1/embeddings", EmbeddingsRequestSchema(scope.config.max_input_chars), answer)
    return routes
