"""Translates between Anthropic's Messages API and chat completions."""

from typing import Any, ClassVar

from app.backends.types import OpenAIResult
from app.context.call_context import CallContext
from app.translators.chat import ChatTranslator
from app.translators.event_formatter import EventFormatter
from app.translators.messages.events import MessageEvents
from app.translators.messages.request import MAY_DROP, chat_body
from app.translators.messages.response import message_response
from app.upstream.stream import UpstreamStream


class MessagesTranslator(ChatTranslator):
    """The translator of `POST /v1/messages`."""

    may_drop: ClassVar[tuple[str, ...]] = MAY_DROP

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        return chat_body(body)

    def response(self, body: dict[str, Any], context: CallContext, result: OpenAIResult) -> dict[str, Any]:
        return message_response(body, result)

    def events(self, body: dict[str, Any], context: CallContext, stream: UpstreamStream) -> EventFormatter:
        return MessageEvents(body, context, stream)
