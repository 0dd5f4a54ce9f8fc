"""POST /v1/messages: responds to a conversation, like Anthropic's API."""

from flask import Blueprint

from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse
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
    examples={
        "complete": Example(
            request={
                "messages": [{"role": "user", "content": "What is a lighthouse?"}],
                "max_tokens": 20,
                "temperature": 0,
            },
            response={
                "id": "msg_u5EtnUGACzMxTMg079MQZFS7sbxAsB7m",
                "type": "message",
                "role": "assistant",
                "model": "SmolLM2-135M-Instruct",
                "content": [
                    {
                        "type": "text",
                        "text": "A lighthouse is a beacon that serves as a symbol of the power of light and the "
                        "resilience of the",
                    }
                ],
                "stop_reason": "max_tokens",
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 35,
                    "output_tokens": 20,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                },
            },
        ),
        "streamed": Example(
            request={
                "messages": [{"role": "user", "content": "Say hello."}],
                "max_tokens": 1,
                "temperature": 0,
                "stream": True,
            },
            media_type=EVENTS,
            response="event: message_start\n"
            'data: {"type":"message_start","message":{"id":"msg_4nTkJVroX2epcCJXHvQ1Pd3l2EGDpnIJ","type":"message",'
            '"role":"assistant","model":"SmolLM2-135M-Instruct","content":[],"stop_reason":null,"stop_sequence":null,'
            '"usage":{"input_tokens":3,"output_tokens":0,"cache_creation_input_tokens":0,'
            '"cache_read_input_tokens":0}}}\n\n'
            'event: ping\ndata: {"type":"ping"}\n\n'
            "event: content_block_start\n"
            'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
            "event: content_block_delta\n"
            'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n'
            'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
            "event: message_delta\n"
            'data: {"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},'
            '"usage":{"input_tokens":33,"output_tokens":1,"cache_creation_input_tokens":0,'
            '"cache_read_input_tokens":0}}\n\n'
            'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("messages", __name__)
    schema, translated = MessagesRequestSchema(endpoint.config), ChatRequestSchema(endpoint.config)
    translate = translated_chat(endpoint.inference, MessagesTranslator())
    endpoint.register_translated(routes, "/v1/messages", schema, translate, translated, _DOC)
    return routes
