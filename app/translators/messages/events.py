"""Streams of chat completions as events of Anthropic's Messages API.

https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from app.backends.responses.chunk_decoder import Chunk
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.translators.event_formatter import EventFormatter
from app.translators.messages.block_stream import TEXT, THINKING, BlockStream, event
from app.translators.messages.request import shows_thinking
from app.translators.messages.results import (
    NO_USAGE,
    matched_stop,
    message_id,
    message_usage,
    reasoning_of,
    stop_fields,
)
from app.upstream.stream import UpstreamStream
from app.web.error_shapes.anthropic import ANTHROPIC

PING = event("ping", {})


class MessageEvents(EventFormatter):
    """The events from message_start to message_stop, or to an error.

    The prompt's tokens are known at the end. Until then message_start has an estimate, and message_delta the counts.
    """

    heartbeat: ClassVar[bytes] = PING

    def __init__(self, body: Mapping[str, Any], context: CallContext, stream: UpstreamStream) -> None:
        self._request_id = context.request.id
        self._decoder = stream.decoder
        self._shows_thinking = shows_thinking(body)
        self._stops: list[str] = body.get("stop_sequences") or []
        self._blocks = BlockStream()
        self._begun = False
        self._refused = False
        self._matched: str | None = None

    def format(self, batch: list[Chunk]) -> bytes:
        for chunk in batch:
            if not self._begun:
                self._begin(chunk)
            for choice in chunk.payload["choices"]:
                if choice["index"] == 0:
                    self._add(choice)
        return self._blocks.take()

    def finish(self) -> bytes:
        data = self.format(list(self._decoder.missing_finish_chunks()))
        self._blocks.finish()
        reason, calls = self._decoder.finish_reason, bool(self._blocks.calls)
        stop = stop_fields(reason, self._matched, calls=calls, refused=self._refused)
        usage = message_usage(self._decoder.usage, self._decoder.counts)
        ends = event("message_delta", {"delta": stop, "usage": usage}) + event("message_stop", {})
        return data + self._blocks.take() + ends

    def error(self, error: ServiceError) -> bytes:
        return event("error", ANTHROPIC.body(error, self._request_id))

    def _begin(self, chunk: Chunk) -> None:
        self._begun = True
        message = {
            "id": message_id(chunk.payload["id"]),
            "type": "message",
            "role": "assistant",
            "model": chunk.payload["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**NO_USAGE, "input_tokens": self._decoder.usage.prompt_tokens},
        }
        self._blocks.events += [event("message_start", {"message": message}), PING]

    def _add(self, choice: dict[str, Any]) -> None:
        delta = choice["delta"]
        if self._shows_thinking and (reasoning := reasoning_of(delta)):
            self._blocks.add_text(THINKING, reasoning)
        if text := delta.get("content"):
            self._blocks.add_text(TEXT, text)
        if refusal := delta.get("refusal"):
            self._refused = True
            self._blocks.add_text(TEXT, refusal)
        for piece in delta.get("tool_calls") or ():
            self._blocks.add_call(piece)
        if choice.get("finish_reason"):
            self._matched = matched_stop(choice, self._stops)
