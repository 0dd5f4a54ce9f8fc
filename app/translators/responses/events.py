"""Streams of the Responses API: typed events with numbers, from `response.created` to the state of its end."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.backends.responses.chunk_decoder import Chunk
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.translators.event_formatter import EventFormatter
from app.translators.responses.envelope import ResponseEnvelope, response_usage
from app.translators.responses.event_log import EventLog
from app.translators.responses.output import Output
from app.upstream.stream import UpstreamStream
from app.web.error_shapes.openai import OPENAI

# the codes of openai.types.responses.ResponseError that fit errors of this service, by status
_ERROR_CODES = {400: "invalid_prompt", 422: "invalid_prompt", 429: "rate_limit_exceeded"}


class ResponseEvents(EventFormatter):
    """The events of one response to a validated request. Source: openai.types.responses.ResponseStreamEvent."""

    def __init__(self, body: Mapping[str, Any], context: CallContext, stream: UpstreamStream) -> None:
        self._body = body
        self._request_id = context.request.id
        self._decoder = stream.decoder
        self._log = EventLog()
        self._output = Output(body, self._log)
        self._envelope: ResponseEnvelope | None = None

    def format(self, batch: list[Chunk]) -> bytes:
        self._begin()
        self._add(batch)
        return self._log.take()

    def finish(self) -> bytes:
        envelope = self._begin()
        self._add(self._decoder.missing_finish_chunks())
        reason, usage = self._decoder.finish_reason, self._decoder.usage
        output = self._output.finish(reason)
        response = envelope.finished(reason, output, response_usage(usage, self._decoder.counts))
        self._log.add(f"response.{response['status']}", response=response)
        return self._log.take()

    def error(self, error: ServiceError) -> bytes:
        """Return the events of a failure: codex reads the reason from the first one only, OpenAI's SDKs the other."""
        envelope, fields = self._begin(), OPENAI.body(error, self._request_id)["error"]
        code = _ERROR_CODES.get(error.status, "server_error")
        self._log.add("response.failed", response=envelope.failed(code, fields["message"]))
        own = {name: fields[name] for name in ("code", "message", "param")}
        self._log.add("error", **own, error=fields)
        return self._log.take()

    def _begin(self) -> ResponseEnvelope:
        """Add the first events before all others: the model that responds is known with its first chunk."""
        if self._envelope is None:
            self._envelope = ResponseEnvelope(self._body, self._decoder.model)
            for kind in ("response.created", "response.in_progress"):
                self._log.add(kind, response=self._envelope.in_progress())
        return self._envelope

    def _add(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            for choice in chunk.payload["choices"]:
                if choice["index"] == 0:
                    self._output.add(choice["delta"], choice.get("logprobs"))
