"""What OpenAI's routes share: requests passed on with all their fields, answers given whole or as they come."""

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
from app.upstream.stream import UpstreamStream
from app.web.openai_errors import openai_error


class OpenAIEvents:
    """Chunks as they came where nothing had to be changed, the usage at the end if the caller wants it."""

    def __init__(self, stream: UpstreamStream, *, include_usage: bool) -> None:
        self._stream = stream
        self._include_usage = include_usage

    def format(self, batch: list[Chunk]) -> bytes:
        return b"".join([b"data: %b\n\n" % chunk.data for chunk in batch])

    def finish(self) -> bytes:
        reader = self._stream.decoder
        last = list(reader.missing_finish_chunks())
        if self._include_usage:
            last.append(reader.make_chunk([], usage=reader.openai_usage))
        return self.format(last) + DONE

    def error(self, error: ServiceError) -> bytes:
        return b"data: %b\n\n" % orjson.dumps(openai_error(error))


def openai_operation(
    scope: OperationEndpoint,
    operation: Operation[OpenAIRequest, OpenAIResult],
    prompt: Callable[[dict[str, Any]], str],
) -> Handler:
    """Make an operation of OpenAI's; `prompt` returns the text of a body, for counting where no backend does."""
    executor = scope.inference.executor

    def answer(context: CallContext, body: dict[str, Any]) -> Any:
        model, stream = body.pop("model", None), body.pop("stream", False)
        include_usage = bool(body.get("stream_options", {}).get("include_usage"))
        if not stream:
            body.pop("stream_options", None)
        request = OpenAIRequest(body, prompt(body), stream)
        result: OpenAIResult | UpstreamStream = scope.inference.run(context, operation, request, model)
        if isinstance(result, UpstreamStream):
            return stream_response(executor, context, result, OpenAIEvents(result, include_usage=include_usage))
        return result.payload

    return answer
