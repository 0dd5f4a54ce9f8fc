"""POST /v1/messages: responds to a conversation, like Anthropic's API."""

from flask import Blueprint

from app.openapi.route_doc import EVENTS, JSON, STREAM, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.translated_chat import translated_chat
from app.schemas.messages import MessageResponseSchema, MessagesRequestSchema
from app.schemas.openai_requests import ChatRequestSchema
from app.translators.messages.translator import MessagesTranslator

_DOC = RouteDoc(
    tag="Anthropic",
    summary="Respond to a conversation",
    description="Compatible with Anthropic's Messages API; the backend is asked for a chat completion. Fields that are "
    "not listed here are ignored. With `stream` the response is a stream of events. A stream that fails ends with an "
    "event `error` instead of `message_stop`.",
    responses=(RouteResponse("The response, complete or as a stream.", {JSON: MessageResponseSchema, EVENTS: STREAM}),),
    examples={},
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("messages", __name__)
    schema, translated = MessagesRequestSchema(endpoint.config), ChatRequestSchema(endpoint.config)
    translate = translated_chat(endpoint.inference, MessagesTranslator())
    endpoint.register_translated(routes, "/v1/messages", schema, translate, translated, _DOC)
    return routes
