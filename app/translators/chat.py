"""The interface of the translators between another API for conversations and chat completions."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from app.backends.types import OpenAIResult
from app.context.call_context import CallContext
from app.translators.event_formatter import EventFormatter
from app.upstream.stream import UpstreamStream


class ChatTranslator(ABC):
    """Translates one API: its requests into those of chat completions, and their responses back.

    It has no state; `events` returns an object with the state of one stream. `body` is the validated request.
    `may_drop` names fields of its chat bodies that are left out, or sent in another form, if the upstream refuses them.
    """

    may_drop: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body for chat completions, with a Conversation in `messages`; raise ValidationError."""

    @abstractmethod
    def response(self, body: dict[str, Any], context: CallContext, result: OpenAIResult) -> dict[str, Any]:
        """Return the response for a complete chat completion."""

    @abstractmethod
    def events(self, body: dict[str, Any], context: CallContext, stream: UpstreamStream) -> EventFormatter:
        """Return the formatter of the response to a streamed request."""
