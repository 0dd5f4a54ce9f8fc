"""What generate and complete share: the same request, the same answer."""

import time
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
from app.upstream.stream import UpstreamStream

ANSWERS = (RouteResponse("The text, whole or as it is made.", {JSON: TextResponseSchema, EVENTS: STREAM}),)


def text_operation(scope: OperationEndpoint, operation: Operation[TextRequest, Generation]) -> Handler:
    """Make an operation that takes a prompt and gives text."""
    executor = scope.inference.executor

    def answer(context: CallContext, body: dict[str, Any]) -> Any:
        model = body.pop("model", None)
        result: Generation | UpstreamStream = scope.inference.run(context, operation, TextRequest(**body), model)
        if isinstance(result, UpstreamStream):
            return stream_response(executor, context, result, TextEvents(context, result))
        return _dumped(result, context)

    return answer


class TextEvents:
    """Answers of the same shape as whole ones, each with the next piece of text; the last one has the usage."""

    def __init__(self, context: CallContext, stream: UpstreamStream) -> None:
        self._context = context
        self._stream = stream
        self._names = {"id": f"gen-{new_id()}", "model": context.model}

    def format(self, batch: list[Chunk]) -> bytes:
        return b"".join([self._event(text, None) for chunk in batch if (text := chunk.text)])

    def finish(self) -> bytes:
        reader = self._stream.decoder
        return self._event("", reader.finish_reason, **_facts(reader.usage, self._context)) + DONE

    def error(self, error: ServiceError) -> bytes:
        return b"event: error\ndata: %b\n\n" % orjson.dumps(error.body(self._context.request.id))

    def _event(self, text: str, finish_reason: str | None, **more: Any) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": finish_reason}
        return b"data: %b\n\n" % orjson.dumps({**self._names, "choices": [choice], **more})


def _dumped(result: Generation, context: CallContext) -> dict[str, Any]:
    return {
        "id": f"gen-{new_id()}",
        "model": result.model,
        "choices": [{"index": 0, "text": result.text, "finish_reason": result.finish_reason}],
        **_facts(result.usage, context),
    }


def _facts(usage: Usage, context: CallContext) -> dict[str, Any]:
    """Return what an answer tells beside its text."""
    counts = {name: getattr(usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return {
        "usage": {**counts, **({"estimated": True} if usage.estimated else {})},
        "generated_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "processing_ms": round((time.monotonic() - context.request.started) * 1000, 1),
    }
