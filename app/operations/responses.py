"""POST /v1/responses: responds to an input, like OpenAI's Responses API."""

from flask import Blueprint

from app.openapi.route_doc import EVENTS, JSON, STREAM, RouteDoc, RouteResponse
from app.operations.endpoint import OperationEndpoint
from app.operations.responses_handler import native_or_translated
from app.schemas.openai_requests import ChatRequestSchema
from app.schemas.responses_api import ResponsesRequestSchema, ResponsesResponseSchema
from app.translators.responses.translator import ResponsesTranslator

_DOC = RouteDoc(
    tag="OpenAI",
    summary="Respond to an input",
    description="Compatible with OpenAI's Responses API, without its state: `input` is the complete conversation, and "
    "`store` is answered with false. The request is translated into a chat completion. Unknown fields are passed "
    "through to the backend. With `stream` the response is a stream of events; one that fails ends with the events "
    "`error` and `response.failed`.",
    responses=(
        RouteResponse("The response, complete or as a stream.", {JSON: ResponsesResponseSchema, EVENTS: STREAM}),
    ),
    examples={},
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("responses", __name__)
    schema, chat_schema = ResponsesRequestSchema(endpoint.config), ChatRequestSchema(endpoint.config)
    translate = native_or_translated(endpoint.inference, ResponsesTranslator())
    endpoint.register_translated(routes, "/v1/responses", schema, translate, chat_schema, _DOC)
    return routes
