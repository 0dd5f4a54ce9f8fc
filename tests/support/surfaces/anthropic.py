"""Anthropic's Messages."""

from typing import Any

from anthropic.types import ErrorResponse, Message, MessageTokensCount, RawMessageStreamEvent
from pydantic import TypeAdapter
from support.surfaces.dialect import Answer, Dialect, Event, sse_events

_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


class Messages(Dialect):
    """Anthropic's Messages."""

    def check(self, body: Any) -> None:
        assert Message.model_validate(body).stop_reason is not None

    def text(self, body: Any) -> str:
        return "".join(block.text for block in Message.model_validate(body).content if block.type == "text")

    def error(self, body: Any) -> str:
        return ErrorResponse.model_validate(body).error.type

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
