"""The translators of Ollama's two routes that generate text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.backends.types import OpenAIResult
from app.context.call_context import CallContext
from app.translators.chat import ChatTranslator
from app.translators.event_formatter import EventFormatter
from app.translators.ollama.events import OllamaEvents
from app.translators.ollama.request import chat_request, generate_request
from app.translators.ollama.response import (
    MakeFields,
    chat_fields,
    end_fields,
    generate_fields,
    generated_text,
    log_probabilities,
    now,
    thinking_text,
    tool_calls,
)
from app.upstream.stream import UpstreamStream


@dataclass(frozen=True)
class OllamaTranslator(ChatTranslator):
    """Translates one route; `make_fields` returns the fields of its responses that hold the generated parts."""

    make_request: Callable[[Mapping[str, Any]], dict[str, Any]]
    make_fields: MakeFields

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.make_request(body)

    def response(self, body: dict[str, Any], context: CallContext, result: OpenAIResult) -> dict[str, Any]:
        choice = result.payload["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        calls = tool_calls(message.get("tool_calls") or [], reason)
        thinking = "" if _hides_thinking(body) else thinking_text(message)
        return {
            "model": result.payload["model"],
            "created_at": now(),
            **self.make_fields(generated_text(message), thinking, calls),
            **log_probabilities(choice),
            **end_fields(context, reason, result.usage),
        }

    def load_response(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to a request that asks to load the model, or with a `keep_alive` of 0 to unload it."""
        reason = "unload" if body.get("keep_alive") == 0 else "load"
        named = {"model": body.get("model", "default"), "created_at": now()}
        return {**named, **self.make_fields("", "", []), "done": True, "done_reason": reason}

    def events(self, body: dict[str, Any], context: CallContext, stream: UpstreamStream) -> EventFormatter:
        return OllamaEvents(context, stream, self.make_fields, hide_thinking=_hides_thinking(body))


OLLAMA_CHAT = OllamaTranslator(chat_request, chat_fields)
OLLAMA_GENERATE = OllamaTranslator(generate_request, generate_fields)


def _hides_thinking(body: Mapping[str, Any]) -> bool:
    return body.get("think") is False
