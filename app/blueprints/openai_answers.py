"""What OpenAI's routes share: requests passed on with all their fields, answers given whole or as they come."""

from collections.abc import Callable
from typing import Any

import orjson

from app.backends.base import OpenAIRequest
from app.backends.chunks import Chunk
from app.blueprints.openai_errors import openai_error
from app.blueprints.scope import Operation
from app.blueprints.streaming import DONE, event_stream
from app.context import RequestContext
from app.errors import ServiceError
from app.services.runner import Runner
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


def openai_operation(runner: Runner, service: Service, prompt: Callable[[dict[str, Any]], str]) -> Operation:
    """Make an operation of OpenAI's; `prompt` returns the text of a body, for counting where no backend does."""

    def answer(context: RequestContext, body: dict[str, Any]) -> Any:
        model = body.pop("model", None)
        stream = body.pop("stream", False)
        told = body.get("stream_options", {}) if stream else body.pop("stream_options", {})
        result = service(context, OpenAIRequest(body, prompt(body), stream), model)
        if isinstance(result, Stream):
            events = OpenAIEvents(result, include_usage=bool(told.get("include_usage")))
            return event_stream(runner, context, result, events)
        return result

    return answer


def texts(given: Any) -> str:
    """Return the text of a `prompt` or an `input`, nothing for one in tokens."""
    items = given if isinstance(given, list) else [given]
    return "\n".join(item for item in items if isinstance(item, str))
