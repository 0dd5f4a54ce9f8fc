"""The stream of text-generation-inference (TGI): an event for each token, the last one with the complete text."""

from typing import Any

import orjson

from app.backends.pipeline_types import GenerationRequest
from app.backends.responses.chunk_decoder import Chunk
from app.backends.responses.tgi import Token, chunk_tokens, finish_reason, make_token
from app.backends.tasks.text_generation import full_text
from app.context.call_context import CallContext
from app.errors import ServiceError
from app.translators.event_formatter import EventFormatter
from app.upstream.stream import UpstreamStream
from app.web.error_shapes.huggingface import HUGGINGFACE


class TgiEvents(EventFormatter):
    """Events as TGI sends them, `data:` without a space and no terminal event; a failed stream ends with an error."""

    def __init__(self, context: CallContext, stream: UpstreamStream, request: GenerationRequest) -> None:
        self._request_id = context.request.id
        self._decoder = stream.decoder
        self._request = request
        self._texts: list[str] = []
        self._index = 0
        self._last: tuple[Token, list[Token]] | None = None

    def format(self, batch: list[Chunk]) -> bytes:
        return b"".join([self._events(chunk) for chunk in batch])

    def finish(self) -> bytes:
        """Return the last event; its token is the end of text unless the last chunk had one."""
        events = b"".join([self._events(chunk) for chunk in self._decoder.missing_finish_chunks()])
        token, tops = self._last or (make_token("", special=True), [])
        inputs = self._request.inputs if isinstance(self._request.inputs, str) else ""
        text = full_text(self._request, "".join(self._texts), inputs)
        return events + self._event(token, tops, text, self._details())

    def error(self, error: ServiceError) -> bytes:
        return _data(HUGGINGFACE.body(error, self._request_id))

    def _events(self, chunk: Chunk) -> bytes:
        """Return the events of a chunk, without the last one of the stream: `finish` has its text and details."""
        choices = [choice for choice in chunk.payload["choices"] if not choice["index"]]
        if not choices:
            return b""
        text, logprobs = chunk.text, choices[0].get("logprobs")
        if not text and not logprobs:
            return b""
        self._texts.append(text)
        tokens, tops = chunk_tokens(text, logprobs)
        pairs = [(token, tops[index] if index < len(tops) else []) for index, token in enumerate(tokens)]
        if choices[0].get("finish_reason") and pairs:
            self._last = pairs.pop()
        return b"".join([self._event(token, top) for token, top in pairs])

    def _event(
        self, token: Token, tops: list[Token], text: str | None = None, details: dict[str, Any] | None = None
    ) -> bytes:
        self._index += 1
        top = {"top_tokens": tops} if self._request.parameters.get("top_n_tokens") else {}
        return _data({"index": self._index, "token": token, **top, "generated_text": text, "details": details})

    def _details(self) -> dict[str, Any] | None:
        parameters, usage = self._request.parameters, self._decoder.usage
        if not parameters.get("details"):
            return None
        return {
            "finish_reason": finish_reason(self._decoder.finish_reason, has_stops=bool(parameters.get("stop"))),
            "generated_tokens": usage.completion_tokens,
            "seed": parameters.get("seed"),
            "input_length": usage.prompt_tokens,
        }


def _data(event: dict[str, Any]) -> bytes:
    return b"data:%b\n\n" % orjson.dumps(event)
