"""POST /v1/responses: responds to an input, like OpenAI's Responses API."""

from flask import Blueprint

from app.operations.endpoint import OperationEndpoint
from app.operations.responses_doc import RESPONSES_DOC
from app.operations.responses_handler import respond_natively_or_by_chat
from app.operations.translated_chat import translated_chat
from app.schemas.openai_requests import ChatRequestSchema
from app.schemas.responses_api import ResponsesRequestSchema
from app.translators.responses.translator import ResponsesTranslator


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("responses", __name__)
    schema, chat_schema = ResponsesRequestSchema(endpoint.config), ChatRequestSchema(endpoint.config)
    translate = translated_chat(endpoint.inference, ResponsesTranslator(), respond_natively_or_by_chat)
    endpoint.register_translated(routes, "/v1/responses", schema, translate, chat_schema, RESPONSES_DOC)
    return routes
