"""POST /v1/messages/count_tokens: counts the tokens of a conversation, like Anthropic's API."""

from functools import partial
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.types import OpenAIRequest
from app.context.call_context import CallContext
from app.inference.service import InferenceService
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse
from app.operations.endpoint import Handler, OperationEndpoint
from app.schemas.messages import CountTokensRequestSchema, TokenCountSchema
from app.schemas.openai_requests import OpenAIRequestSchema
from app.translators.messages.request import chat_body

_DOC = RouteDoc(
    tag="Anthropic",
    summary="Count the tokens of a conversation",
    description="The count includes the system prompt and the tools. The embedded engine counts with the tokenizer of "
    "its model. Other backends get no call: their count is an estimate, which is usually too high. Counting needs the "
    "permission for `chat` and uses no tokens of a quota.",
    responses=(RouteResponse("The count.", {JSON: TokenCountSchema}),),
    examples={
        "question": Example(
            request={"messages": [{"role": "user", "content": "What is a lighthouse?"}]},
            response={"input_tokens": 35},
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("count_tokens", __name__)
    translate = partial(_translate, endpoint.inference)
    schema, translated = CountTokensRequestSchema(endpoint.config), OpenAIRequestSchema(endpoint.config)
    endpoint.register_translated(routes, "/v1/messages/count_tokens", schema, translate, translated, _DOC)
    return routes


def _translate(inference: InferenceService, body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
    """Return a body without the conversation, so that a quota reserves nothing, and the handler that counts it."""
    chat = chat_body(body)
    return {"model": chat.pop("model", None)}, partial(_count, inference, chat)


def _count(
    inference: InferenceService, chat: dict[str, Any], context: CallContext, named: dict[str, Any]
) -> dict[str, Any]:
    request = OpenAIRequest(chat, chat["messages"].text)
    result = inference.run(context, Backend.count_tokens, request, named["model"])
    return {"input_tokens": result.tokens}
