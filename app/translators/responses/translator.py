"""The Responses API as chat completions."""

from typing import Any, ClassVar

from app.backends.types import OpenAIResult
from app.context.call_context import CallContext
from app.translators.chat import ChatTranslator
from app.translators.event_formatter import EventFormatter
from app.translators.responses.envelope import ResponseEnvelope, response_usage
from app.translators.responses.event_log import EventLog
from app.translators.responses.events import ResponseEvents
from app.translators.responses.output import Output
from app.translators.responses.request import MAY_DROP, chat_body
from app.upstream.stream import UpstreamStream


class ResponsesTranslator(ChatTranslator):
    """Translates OpenAI's Responses API."""

    may_drop: ClassVar[tuple[str, ...]] = MAY_DROP

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        return chat_body(body)

    def response(self, body: dict[str, Any], context: CallContext, result: OpenAIResult) -> dict[str, Any]:
        """Read the completion as a stream of one chunk, whose events nobody sees."""
        choice = result.payload["choices"][0]
        output = Output(body, EventLog())
        output.add(choice["message"], choice.get("logprobs"))
        reason = choice["finish_reason"]
        usage = response_usage(result.usage, result.payload["usage"])
        return ResponseEnvelope(body, result.model).finished(reason, output.finish(reason), usage)

    def events(self, body: dict[str, Any], context: CallContext, stream: UpstreamStream) -> EventFormatter:
        return ResponseEvents(body, context, stream)
