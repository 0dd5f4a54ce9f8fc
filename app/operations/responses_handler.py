"""The handler of the Responses API: backends choose between an upstream's own route and its chat completions."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.backends.base import Backend
from app.backends.responses.responses_decoder import ResponsesDecoder
from app.backends.types import OpenAIRequest, OpenAIResult, ResponsesRequest, ResponsesResult
from app.context.call_context import CallContext
from app.inference.service import InferenceService
from app.operations.endpoint import Handler, Translate
from app.operations.sse import stream_response
from app.schemas.token_estimate import OTHER_LIMIT_FIELDS
from app.translators.chat import ChatTranslator
from app.translators.responses.native_events import NativeEvents
from app.upstream.stream import UpstreamStream


def native_or_translated(inference: InferenceService, translator: ChatTranslator) -> Translate:
    """Return the function that prepares a request in both forms."""

    def translate(body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
        return translator.request(body), partial(_handle, inference, translator, body)

    return translate


def _handle(
    inference: InferenceService,
    translator: ChatTranslator,
    body: dict[str, Any],
    context: CallContext,
    chat_body: dict[str, Any],
) -> Any:
    model, stream = chat_body.pop("model", None), chat_body.pop("stream", False)
    prompt, may_drop = chat_body["messages"].text, translator.may_drop
    chat = OpenAIRequest(chat_body, prompt, stream, limit_added=context.limit_added, may_drop=may_drop)
    request = ResponsesRequest(_native_body(body, chat_body), chat)
    result: OpenAIResult | ResponsesResult | UpstreamStream = inference.run(context, Backend.responses, request, model)
    if isinstance(result, ResponsesResult):
        return result.payload
    if isinstance(result, OpenAIResult):
        return translator.response(body, context, result)
    if isinstance(result.decoder, ResponsesDecoder):
        events = NativeEvents(context, result.decoder.form)
        return stream_response(inference.executor, context, result, events)
    return stream_response(inference.executor, context, result, translator.events(body, context, result))


def _native_body(body: Mapping[str, Any], chat_body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the client's body without the model, with the limit of its chat: a budget may have set a lower one."""
    native = {name: value for name, value in body.items() if name != "model"}
    if (limit := chat_body.get("max_tokens")) is not None:
        native |= {name: limit for name in OTHER_LIMIT_FIELDS if name in native}
        native["max_output_tokens"] = limit
    return native
