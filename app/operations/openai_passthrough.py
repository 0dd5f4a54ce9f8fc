"""The common part of OpenAI's routes: requests are passed through with all their fields, and so are responses."""

from collections.abc import Callable
from typing import Any

import orjson

from app.backends.responses.chunk_decoder import Chunk
from app.backends.types import OpenAIRequest, OpenAIResult
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.inference.service import Operation
from app.operations.endpoint import Handler, OperationEndpoint
from app.operations.sse import DONE, stream_response
from app.translators.event_formatter import EventFormatter
from app.upstream.stream import UpstreamStream
from app.web.error_shapes.openai import OPENAI


def openai_operation(
    endpoint: OperationEndpoint,
    operation: Operation[OpenAIRequest, OpenAIResult],
    prompt_text: Callable[[dict[str, Any]], str],
) -> Handler:
    """Return the handler of an operation. `prompt_text` gets the text of a body, to estimate its tokens."""

    inference = endpoint.inference

    def handle(context: CallContext, body: dict[str, Any]) -> Any:
        model, stream = body.pop("model", None), body.pop("stream", False)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        if not stream:
            body.pop("stream_options", None)
        request = OpenAIRequest(body, prompt_text(body), stream, limit_added=context.limit_added)
        result: OpenAIResult | UpstreamStream = inference.run(context, operation, request, model)
        if isinstance(result, UpstreamStream):
            events = OpenAIEvents(context, result, include_usage=include_usage)
            return stream_response(inference.executor, context, result, events)
        return result.payload

    return handle


class OpenAIEvents(EventFormatter):
    """The upstream's chunks, unchanged where they are valid, and the usage at the end if the client asked for it."""

    def __init__(self, context: CallContext, stream: UpstreamStream, *, include_usage: bool) -> None:
        self._request_id = context.request.id
        self._decoder = stream.decoder
        self._include_usage = include_usage

    def format(self, batch: list[Chunk]) -> bytes:
        return b"".join([b"data: %b\n\n" % chunk.data for chunk in batch])

    def finish(self) -> bytes:
        last = list(self._decoder.missing_finish_chunks())
        if self._include_usage:
            last.append(self._decoder.make_chunk([], usage=self._decoder.openai_usage))
        return self.format(last) + DONE

    def error(self, error: ServiceError) -> bytes:
        return b"data: %b\n\n" % orjson.dumps(OPENAI.body(error, self._request_id))
