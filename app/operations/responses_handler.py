"""The handler of the Responses API: backends choose between an upstream's own route and its chat completions."""

from collections.abc import Mapping
from typing import Any

from app.backends.base import Backend
from app.backends.responses.responses_decoder import ResponsesDecoder
from app.backends.types import OpenAIResult, ResponsesRequest, ResponsesResult
from app.context.call_context import CallContext
from app.operations.sse import stream_response
from app.operations.translated_chat import TranslatedChat
from app.schemas.token_estimate import OTHER_LIMIT_FIELDS
from app.translators.responses.native_events import NativeEvents
from app.upstream.stream import UpstreamStream


def respond_natively_or_by_chat(chat: TranslatedChat, context: CallContext, chat_body: dict[str, Any]) -> Any:
    """Return the response to the client: that of the upstream's own route, or the translated one of a chat."""
    inference = chat.inference
    request, model = chat.request(context, chat_body)
    either = ResponsesRequest(_native_body(chat.body, chat_body), request)
    result: OpenAIResult | ResponsesResult | UpstreamStream = inference.run(context, Backend.responses, either, model)
    if isinstance(result, ResponsesResult):
        return result.payload
    if isinstance(result, UpstreamStream) and isinstance(result.decoder, ResponsesDecoder):
        events = NativeEvents(context, result.decoder.form)
        return stream_response(inference.executor, context, result, events)
    return chat.response(context, result)


def _native_body(body: Mapping[str, Any], chat_body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the client's body without the model, with the limit of its chat: a budget may have set a lower one."""
    native = {name: value for name, value in body.items() if name != "model"}
    if (limit := chat_body.get("max_tokens")) is not None:
        native |= {name: limit for name in OTHER_LIMIT_FIELDS if name in native}
        native["max_output_tokens"] = limit
    return native
