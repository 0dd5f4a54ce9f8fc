"""Formats streams that come from an upstream's own route of the Responses API."""

import orjson

from app.backends.responses.chunk_decoder import Chunk
from app.backends.responses.responses_form import EventForm
from app.context.call_context import CallContext
from app.errors import ServiceError, UpstreamRateLimited
from app.translators.event_formatter import EventFormatter
from app.web.error_shapes.openai import OPENAI


class NativeEvents(EventFormatter):
    """The upstream's events. Its last event ends the stream, so a complete one gets no other."""

    def __init__(self, context: CallContext, form: EventForm) -> None:
        self._request_id = context.request.id
        self._form = form

    def format(self, batch: list[Chunk]) -> bytes:
        return b"".join([chunk.data for chunk in batch])

    def finish(self) -> bytes:
        return b""

    def error(self, error: ServiceError) -> bytes:
        """Return the events of a failure: codex reads the reason from the first one only, OpenAI's SDKs the other."""
        details = OPENAI.body(error, self._request_id)["error"]
        code = "rate_limit_exceeded" if isinstance(error, UpstreamRateLimited) else "server_error"
        failure = {"code": code, "message": details["message"]}
        response = {**self._form.response, "status": "failed", "error": failure}
        return self._event("response.failed", response=response) + self._event(
            "error", code=details["code"], message=details["message"], param=details["param"], error=details
        )

    def _event(self, kind: str, **fields: object) -> bytes:
        data = orjson.dumps({"type": kind, **fields, "sequence_number": self._form.number})
        self._form.number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
