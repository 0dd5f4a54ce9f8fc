"""The common part of generate and complete: the same request and the same response."""

from datetime import UTC, datetime
from typing import Any

import orjson

from app.backends.responses.chunk_decoder import Chunk
from app.backends.types import Generation, TextRequest, Usage
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.ids import new_id
from app.inference.service import Operation
from app.openapi.route_doc import EVENTS, JSON, STREAM, RouteResponse
from app.operations.endpoint import Handler, OperationEndpoint
from app.operations.sse import DONE, stream_response
from app.schemas.text import TextResponseSchema
from app.translators.event_formatter import EventFormatter
from app.upstream.stream import UpstreamStream

RESPONSES = (RouteResponse("The text, complete or as a stream.", {JSON: TextResponseSchema, EVENTS: STREAM}),)


def text_operation(endpoint: OperationEndpoint, operation: Operation[TextRequest, Generation]) -> Handler:
    """Return the handler of an operation that generates text from a prompt."""

    inference = endpoint.inference

    def handle(context: CallContext, body: dict[str, Any]) -> Any:
        model = body.pop("model", None)
        result: Generation | UpstreamStream = inference.run(context, operation, TextRequest(**body), model)
        if isinstance(result, UpstreamStream):
            return stream_response(inference.executor, context, result, TextEvents(context, result))
        return _serialize(result, context)

    return handle


class TextEvents(EventFormatter):
    """Events in the shape of a complete response, each with the next chunk of text; the last one has the usage."""

    def __init__(self, context: CallContext, stream: UpstreamStream) -> None:
        self._context = context
        self._decoder = stream.decoder
        self._head = {"id": f"gen-{new_id()}", "model": context.model}

    def format(self, batch: list[Chunk]) -> bytes:
        return b"".join([self._event(text, None) for chunk in batch if (text := chunk.text)])

    def finish(self) -> bytes:
        text = "".join(chunk.text for chunk in self._decoder.missing_finish_chunks())
        metadata = _metadata(self._decoder.usage, self._context)
        return self._event(text, self._decoder.finish_reason, **metadata) + DONE

    def error(self, error: ServiceError) -> bytes:
        return b"event: error\ndata: %b\n\n" % orjson.dumps(error.body(self._context.request.id))

    def _event(self, text: str, finish_reason: str | None, **metadata: Any) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": finish_reason}
        return b"data: %b\n\n" % orjson.dumps({**self._head, "choices": [choice], **metadata})


def _serialize(result: Generation, context: CallContext) -> dict[str, Any]:
    return {
        "id": f"gen-{new_id()}",
        "model": result.model,
        "choices": [{"index": 0, "text": result.text, "finish_reason": result.finish_reason}],
        **_metadata(result.usage, context),
    }


def _metadata(usage: Usage, context: CallContext) -> dict[str, Any]:
    """Return the fields beside the text: usage and times."""
    counts: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.estimated:
        counts["estimated"] = True
    return {
        "usage": counts,
        "generated_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "processing_ms": round(context.request.elapsed() * 1000, 1),
    }
