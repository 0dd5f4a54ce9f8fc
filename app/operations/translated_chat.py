"""The common part of the routes that are chat completions in the form of another API."""

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class TranslatedChat:
    """A request of another API, whose `body` the translator turns into a chat and whose response it turns back."""

    inference: InferenceService
    translator: ChatTranslator
    body: dict[str, Any]

    def request(self, context: CallContext, chat_body: dict[str, Any]) -> tuple[OpenAIRequest, str | None]:
        """Return the request of the translated body, without its model, and the model."""
        model, stream = chat_body.pop("model", None), chat_body.pop("stream", False)
        prompt, may_drop = chat_body["messages"].text, self.translator.may_drop
        return OpenAIRequest(chat_body, prompt, stream, limit_added=context.limit_added, may_drop=may_drop), model

    def response(self, context: CallContext, result: OpenAIResult | UpstreamStream) -> Any:
        """Return the response to the client for the result of its chat, streamed if that is a stream."""
        if isinstance(result, UpstreamStream):
            events = self.translator.events(self.body, context, result)
            return stream_response(self.inference.executor, context, result, events)
        return self.translator.response(self.body, context, result)


# takes the request, the context and the body of the chat; returns the response to the client
HandleChat = Callable[[TranslatedChat, CallContext, dict[str, Any]], Any]


def respond_by_chat(chat: TranslatedChat, context: CallContext, chat_body: dict[str, Any]) -> Any:
    """Return the response to the client: the translated one of the backend's chat."""
    request, model = chat.request(context, chat_body)
    result: OpenAIResult | UpstreamStream = chat.inference.run(context, Backend.chat, request, model)
    return chat.response(context, result)


def translated_chat(
    inference: InferenceService, translator: ChatTranslator, handle: HandleChat = respond_by_chat
) -> Translate:
    """Return the function that translates the requests of a route, and the handler `handle` for them."""

    def translate(body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
        return translator.request(body), partial(handle, TranslatedChat(inference, translator, body))

    return translate
