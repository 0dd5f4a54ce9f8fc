"""What OpenAI's routes share: requests passed on with all their fields, answers given whole or as they come."""

from collections.abc import Callable
from typing import Any

import orjson

from app.backends.base import OpenAIRequest
from app.backends.chunks import Chunk
from app.blueprints.openai_errors import openai_error
from app.blueprints.scope import Operation, Scope
from app.blueprints.streaming import DONE, event_stream
from app.context import RequestContext
from app.errors import ServiceError
from app.services.streams import Stream

Service = Callable[[RequestContext, OpenAIRequest, str | None], dict[str, Any] | Stream]


class OpenAIEvents:
    """Chunks as they came where nothing had to be changed, the usage at the end if the caller wants it."""

    def __init__(self, stream: Stream, *, include_usage: bool) -> None:
        self._stream = stream
        self._include_usage = include_usage

    def of(self, batch: list[Chunk]) -> bytes:
        return b"".join([b"data: %b\n\n" % chunk.data for chunk in batch])

    def end(self) -> bytes:
        reader = self._stream.reader
        last = list(reader.unsaid())
        if self._include_usage:
            last.append(reader.made([], usage=reader.openai_usage))
        return self.of(last) + DONE

    def error(self, error: ServiceError) -> bytes:
        return b"data: %b\n\n" % orjson.dumps(openai_error(error))


def openai_operation(scope: Scope, service: Service, prompt: Callable[[dict[str, Any]], str]) -> Operation:
    """Make an operation of OpenAI's; `prompt` returns the text of a body, for counting where no backend does."""
    runner = scope.inference.runner

    def answer(context: RequestContext, body: dict[str, Any]) -> Any:
        model, stream = body.pop("model", None), body.pop("stream", False)
        include_usage = bool(body.get("stream_options", {}).get("include_usage"))
        if not stream:
            body.pop("stream_options", None)
        result = service(context, OpenAIRequest(body, prompt(body), stream), model)
        if isinstance(result, Stream):
            return event_stream(runner, context, result, OpenAIEvents(result, include_usage=include_usage))
        return result

    return answer
