"""The common part of the routes that are chat completions in the form of another API."""

from functools import partial
from typing import Any

from app.backends.base import Backend
from app.backends.types import OpenAIRequest, OpenAIResult
from app.context.call_context import CallContext
from app.inference.service import InferenceService
from app.operations.endpoint import Handler, Translate
from app.operations.sse import stream_response
from app.translators.chat import ChatTranslator
from app.upstream.stream import UpstreamStream


def translated_chat(inference: InferenceService, translator: ChatTranslator) -> Translate:
    """Return the function that translates the requests of a route."""

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
    request = OpenAIRequest(chat_body, prompt, stream, limit_added=context.limit_added, may_drop=may_drop)
    result: OpenAIResult | UpstreamStream = inference.run(context, Backend.chat, request, model)
    if isinstance(result, UpstreamStream):
        return stream_response(inference.executor, context, result, translator.events(body, context, result))
    return translator.response(body, context, result)
