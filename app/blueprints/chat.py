"""POST /v1/chat/completions: answers a conversation, as OpenAI's API does."""

from flask import Blueprint

from app.blueprints.openai_answers import openai_operation
from app.blueprints.scope import Scope
from app.schemas.openai import ChatRequestSchema, messages_text


def blueprint(scope: Scope) -> Blueprint:
    """Make the blueprint of the operation."""
    routes = Blueprint("chat", __name__)
    answer = openai_operation(scope, scope.inference.chat, lambda body: messages_text(body["messages"]))
    scope.post(routes, "/v1/chat/completions", ChatRequestSchema(scope.config.max_input_chars), answer)
    return routes
