"""What OpenAI's routes share: requests passed on with all their fields, answers given whole or as they come."""

from collections.abc import Callable
from typing import Any

import orjson

from app.backends.base import OpenAIRequest
from app.backends.responses.chunk_decoder import Chunk
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.operations.endpoint import Handler, OperationEndpoint
from app.operations.sse import DONE, stream_response
from app.upstream.stream import UpstreamStream
from app.web.openai_errors import openai_error

Service = Callable[[CallContext, OpenAIRequest, str | None], dict[str, Any] | UpstreamStream]


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


def openai_operation(scope: OperationEndpoint, service: Service, prompt: Callable[[dict[str, Any]], str]) -> Handler:
    """Make an operation of OpenAI's; `prompt` returns the text of a body, for counting where no backend does."""
    runner = scope.inference.runner

    def answer(context: CallContext, body: dict[str, Any]) -> Any:
        model, stream = body.pop("model", None), body.pop("stream", False)
        include_usage = bool(body.get("stream_options", {}).get("include_usage"))
        if not stream:
            body.pop("stream_options", None)
        result = service(context, OpenAIRequest(body, prompt(body), stream), model)
        if isinstance(result, UpstreamStream):
            return stream_response(runner, context, result, OpenAIEvents(result, include_usage=include_usage))
        return result

    return answer
