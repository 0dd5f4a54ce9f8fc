"""Event streams: a parser that shares no code with the service, and streams of the service without a network."""

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
class ParsedStream:
    """An event stream as a client receives it."""

    events: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def text(self) -> str:
        parts = [choice.get("delta", choice) for event in self.events for choice in event.get("choices", ())]
        return "".join(part.get("content") or part.get("text") or "" for part in parts)

    @property
    def errors(self) -> list[str]:
        failed = filter(_is_error, self.events)
        return [event["error"]["type"] if "error" in event else event["type"] for event in failed]

    @property
    def finish_reasons(self) -> list[str]:
        choices = [choice for event in self.events for choice in event.get("choices", ())]
        return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]

    @property
    def usages(self) -> list[dict[str, Any]]:
        return [event["usage"] for event in self.events if event.get("usage")]


def _is_error(event: dict[str, Any]) -> bool:
    return "error" in event or "request_id" in event


def parse_stream(body: bytes) -> ParsedStream:
    """Parse a stream that the service sent; every event is data and a blank line, or a comment."""
    result = ParsedStream()
    assert body.endswith(b"\n\n")
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        data = re.fullmatch(r"(?:event: error\n)?data: (.*)|: .*", block)
        assert data, block
        assert not result.done, "an event after the end"
        if data[1] == "[DONE]":
            result.done = True
        elif data[1]:
            result.events.append(json.loads(data[1]))
    return result


class FakeReader:
    """Replaces a StreamReader: each read returns the next of these bytes, or raises the exception instead.

    A `silent` reader sends nothing afterwards; another one ends the body. `waits` holds the timeouts of silent reads.
    """

    def __init__(self, *reads: Any, silent: bool = False) -> None:
        self._reads = deque(reads)
        self._silent = silent
        self.waits: list[float] = []

    def get(self, seconds: float) -> bytes:
        if self._silent and not self._reads:
            self.waits.append(seconds)
            time.sleep(seconds)  # a queue blocks for the timeout
            raise Empty
        data = self._reads.popleft() if self._reads else b""
        if isinstance(data, Exception):
            raise type(data)(*data.args)
        return data

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass


def create_stream(
    *reads: Any,
    reader: Any = None,
    decoder: ChunkDecoder | None = None,
    limits: StreamLimits = LIMITS,
    on_end: Callable[[Any], None] = lambda error: None,
) -> UpstreamStream:
    """Create a stream of these reads, or of a reader, before its first event."""
    decoder = decoder or ChunkDecoder(CHAT, "org/model", "a prompt", {})
    reader = reader or FakeReader(*reads)
    return UpstreamStream(reader, decoder, limits, lambda data: data, on_end)


def start_stream(*reads: Any, **options: Any) -> UpstreamStream:
    """Create a stream whose first event has arrived."""
    stream = create_stream(*reads, **options)
    stream.wait_first_event()
    return stream


def context() -> CallContext:
    return CallContext(RequestInfo("id"), Deadline(30.0), "chat")


def sent_to_client(stream: UpstreamStream) -> bytes:
    """Return the bytes of a started stream as the chat route sends them."""
    request = context()
    events = OpenAIEvents(request, stream, include_usage=True)
    return b"".join(iter_events(request, stream, events))


def run_stream(*reads: Any, **options: Any) -> ParsedStream:
    """Run a stream of these reads through the chat route; return the parsed result."""
    return parse_stream(sent_to_client(start_stream(*reads, **options)))
