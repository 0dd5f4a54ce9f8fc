"""Streams of chat completions as lines of JSON in the form of Ollama's API."""

from typing import Any

import orjson

from app.backends.responses.aggregate import CompletionAccumulator
from app.backends.responses.chunk_decoder import Chunk
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.translators.event_formatter import EventFormatter
from app.translators.ollama.response import (
    MakeFields,
    end_fields,
    generated_text,
    log_probabilities,
    nanoseconds,
    now,
    thinking_text,
    tool_calls,
)
from app.upstream.stream import UpstreamStream
from app.web.error_shapes.ollama import OLLAMA

NDJSON = "application/x-ndjson"


class OllamaEvents(EventFormatter):
    """One line for each chunk with text; then the tool calls, and a last line with the counts."""

    mimetype = NDJSON
    # JSON may begin with white space, but Ollama's clients fail on an empty line
    heartbeat = b" "

    def __init__(
        self, context: CallContext, stream: UpstreamStream, make_fields: MakeFields, *, hide_thinking: bool
    ) -> None:
        self._context = context
        self._stream = stream
        self._make_fields = make_fields
        self._hide_thinking = hide_thinking
        self._calls = CompletionAccumulator()

    def format(self, batch: list[Chunk]) -> bytes:
        created = now()
        choices = [choice for chunk in batch for choice in chunk.payload["choices"] if not choice["index"]]
        return b"".join([self._line(choice, created) for choice in choices])

    def finish(self) -> bytes:
        last = self.format(list(self._stream.decoder.missing_finish_chunks()))
        decoder, elapsed = self._stream.decoder, self._context.request.elapsed()
        first = self._stream.stats.first_event
        called = tool_calls(self._collected_calls(), decoder.finish_reason)
        calls = self._encode(self._make_fields("", "", called), now(), done=False) if called else b""
        end = {
            **end_fields(self._context, decoder.finish_reason, decoder.usage),
            "prompt_eval_duration": nanoseconds(first),
            "eval_duration": nanoseconds(elapsed - first),
        }
        return last + calls + self._encode(self._make_fields("", "", []), now(), **end)

    def error(self, error: ServiceError) -> bytes:
        return orjson.dumps(OLLAMA.body(error, self._context.request.id)) + b"\n"

    def _line(self, choice: dict[str, Any], created: str) -> bytes:
        delta = choice["delta"]
        if delta.get("tool_calls"):
            self._calls.add({"choices": [{"index": 0, "delta": {"tool_calls": delta["tool_calls"]}}]})
        text = generated_text(delta)
        thinking = "" if self._hide_thinking else thinking_text(delta)
        logprobs = log_probabilities(choice) if choice.get("logprobs") else {}
        if not (text or thinking or logprobs):
            return b""
        return self._encode(self._make_fields(text, thinking, []), created, done=False, **logprobs)

    def _encode(self, fields: dict[str, Any], created: str, **others: Any) -> bytes:
        line = {"model": self._stream.decoder.model, "created_at": created, **fields, **others}
        return orjson.dumps(line) + b"\n"

    def _collected_calls(self) -> list[dict[str, Any]]:
        choices = self._calls.completion()["choices"]
        return choices[0]["message"]["tool_calls"] if choices else []
