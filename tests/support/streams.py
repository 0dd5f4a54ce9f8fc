"""Event streams: what they say, read without the service's own code; and streams of the service without a network."""

import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gevent.queue import Empty

from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.context.call_context import CallContext
from app.context.deadline import Deadline
from app.context.request_info import RequestInfo
from app.operations.openai_passthrough import OpenAIEvents
from app.operations.sse import iter_events
from app.upstream.stream import StreamLimits, UpstreamStream

LIMITS = StreamLimits(idle=30.0, heartbeat=10.0)


@dataclass
class Told:
    """What a caller reads from an event stream of the service."""

    events: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def text(self) -> str:
        pieces = [choice.get("delta", choice) for event in self.events for choice in event.get("choices", ())]
        return "".join(piece.get("content") or piece.get("text") or "" for piece in pieces)

    @property
    def errors(self) -> list[str]:
        return [event["error"]["type"] if "error" in event else event["type"] for event in self.events if _fails(event)]

    @property
    def finish_reasons(self) -> list[str]:
        choices = [choice for event in self.events for choice in event.get("choices", ())]
        return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]

    @property
    def usages(self) -> list[dict[str, Any]]:
        return [event["usage"] for event in self.events if event.get("usage")]


def _fails(event: dict[str, Any]) -> bool:
    return "error" in event or "request_id" in event


def told(body: bytes) -> Told:
    """Read a stream that the service sent; every event is data and a blank line, or a comment."""
    result = Told()
    assert body.endswith(b"\n\n")
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        data = re.fullmatch(r"(?:event: error\n)?data: (.*)|: .*", block)
        assert data, block
        assert not result.done, "something comes after the end"
        if data[1] == "[DONE]":
            result.done = True
        elif data[1]:
            result.events.append(json.loads(data[1]))
    return result


class Pieces:
    """In place of a pump: a body that comes in these pieces, and then ends, or says no more."""

    def __init__(self, *pieces: Any, silent: bool = False) -> None:
        self._pieces = deque(pieces)
        self._silent = silent
        self.waits: list[float] = []

    def get(self, seconds: float) -> bytes:
        if self._silent and not self._pieces:
            self.waits.append(seconds)
            time.sleep(seconds)  # what the wait for a queue does
            raise Empty
        piece = self._pieces.popleft() if self._pieces else b""
        if isinstance(piece, Exception):
            raise type(piece)(*piece.args)
        return piece

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass


def stream_of(
    *pieces: Any,
    reader: ChunkDecoder | None = None,
    limits: StreamLimits = LIMITS,
    judge: Callable[[Any], None] = lambda end: None,
    silent: bool = False,
) -> UpstreamStream:
    """A stream that has not begun."""
    reader = reader or ChunkDecoder(CHAT, "org/model", "a prompt", {})
    pump = Pieces(*pieces, silent=silent)
    return UpstreamStream(pump, reader, "text/event-stream", limits, lambda data: data, judge)


def context() -> CallContext:
    return CallContext(RequestInfo("id"), Deadline(30.0), "chat")


def given(stream: UpstreamStream) -> bytes:
    """What a caller of the chat route is sent of a stream that has begun."""
    events = OpenAIEvents(stream, include_usage=True)
    return b"".join(iter_events(context(), stream, events))
