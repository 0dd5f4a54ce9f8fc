"""The handler of the Responses API: backends choose between an upstream's own route and its chat completions."""

from collections.abc import Mapping
from typing import Any

from app.backends.base import Backend
from app.backends.responses.responses_decoder import ResponsesDecoder
from app.backends.types import OpenAIResult, ResponsesRequest, ResponsesResult
from app.context.call_context import CallContext
from app.inference.service import InferenceService
from app.operations.sse import stream_response
from app.operations.translated_chat import chat_request, translated_response
from app.schemas.token_estimate import OTHER_LIMIT_FIELDS
from app.translators.chat import ChatTranslator
from app.translators.responses.native_events import NativeEvents
from app.upstream.stream import UpstreamStream


def respond_natively_or_by_chat(
    inference: InferenceService,
    translator: ChatTranslator,
    body: dict[str, Any],
    context: CallContext,
    chat_body: dict[str, Any],
) -> Any:
    """Return the response to the client: that of the upstream's own route, or the translated one of a chat."""
    chat, model = chat_request(translator, context, chat_body)
    request = ResponsesRequest(_native_body(body, chat_body), chat)
    result: OpenAIResult | ResponsesResult | UpstreamStream = inference.run(context, Backend.responses, request, model)
    if isinstance(result, ResponsesResult):
        return result.payload
    if isinstance(result, UpstreamStream) and isinstance(result.decoder, ResponsesDecoder):
        events = NativeEvents(context, result.decoder.form)
        return stream_response(inference.executor, context, result, events)
    return translated_response(inference, translator, body, context, result)


def _native_body(body: Mapping[str, Any], chat_body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the client's body without the model, with the limit of its chat: a budget may have set a lower one."""
    native = {name: value for name, value in body.items() if name != "model"}
    if (limit := chat_body.get("max_tokens")) is not None:
        native |= {name: limit for name in OTHER_LIMIT_FIELDS if name in native}
        native["max_output_tokens"] = limit
    return native
