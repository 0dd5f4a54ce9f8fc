"""Anthropic's Messages."""

from typing import Any

from anthropic.types import ErrorResponse, Message, MessageTokensCount, RawMessageStreamEvent
from pydantic import TypeAdapter
from support.surfaces.dialect import Answer, Dialect, Event, sse_events

_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
# https://docs.anthropic.com/en/api/errors
_UNTYPED = ("request_too_large",)  # the SDK has no type for it
_WORDS = {
    "authentication_error": "authentication_error",
    "permission_denied": "permission_error",
    "not_found": "not_found_error",
    "model_not_found": "not_found_error",
    "payload_too_large": "request_too_large",
    "rate_limit_exceeded": "rate_limit_error",
    "upstream_rate_limited": "rate_limit_error",
    "upstream_timeout": "timeout_error",
    "model_loading": "overloaded_error",
    "overloaded": "overloaded_error",
    "circuit_open": "overloaded_error",
    "upstream_quota_exhausted": "api_error",
    "upstream_unavailable": "api_error",
    "upstream_invalid_response": "api_error",
    "upstream_authentication_error": "api_error",
    "not_supported": "api_error",
}


class Messages(Dialect):
    """Anthropic's Messages."""

    def check(self, body: Any) -> None:
        assert Message.model_validate(body).stop_reason is not None

    def text(self, body: Any) -> str:
        return "".join(block.text for block in Message.model_validate(body).content if block.type == "text")

    def error(self, body: Any) -> str:
        kind = body["error"]["type"]
        if kind not in _UNTYPED:
            ErrorResponse.model_validate(body)
        assert isinstance(body["error"]["message"], str)
        return str(kind)

    def word(self, kind: str) -> str:
        return _WORDS.get(kind, "invalid_request_error")

    def stream(self, body: bytes) -> Answer:
        answer, sequence = Answer(), _Sequence()
        for event in sse_events(body):
            assert not answer.ended, event
            assert event.name == event.json["type"]
            if event.name == "error":
                answer.error = self.error(event.json)
            elif event.name != "ping":
                found = _EVENT.validate_python(event.json)
                sequence.add(event, found)
                if event.name == "content_block_delta" and found.delta.type == "text_delta":
                    answer.text += found.delta.text
                answer.complete = event.name == "message_stop"
        return answer


class _Sequence:
    """Asserts that the events of a message come in order: a start, blocks one after the other, a delta and a stop."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._blocks = 0
        self._open = False

    def add(self, event: Event, found: Any) -> None:
        last = self._names[-1] if self._names else None
        assert (event.name == "message_start") == (last is None)
        assert (event.name == "message_stop") == (last == "message_delta")
        if event.name == "content_block_start":
            assert (found.index, self._open) == (self._blocks, False)
            self._open = True
        elif event.name in ("content_block_delta", "content_block_stop"):
            assert (found.index, self._open) == (self._blocks, True)
            if event.name == "content_block_stop":
                self._open = False
                self._blocks += 1
        elif event.name == "message_delta":
            assert not self._open
            assert found.delta.stop_reason is not None
        self._names.append(event.name)


class CountTokens(Messages):
    """Anthropic's count of the tokens of a message."""

    def check(self, body: Any) -> None:
        MessageTokensCount.model_validate(body)

    def text(self, body: Any) -> str:
        return str(MessageTokensCount.model_validate(body).input_tokens)
