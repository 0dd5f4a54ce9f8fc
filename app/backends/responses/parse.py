"""Reads whole answers: as OpenAI has them, and what the service's own operations need of them."""

from typing import Any

from app.backends.base import Generation, UpstreamResponse
from app.backends.responses.aggregate import CompletionAccumulator
from app.backends.responses.chunk_decoder import CHAT, Chunk, ChunkDecoder, ResponseKind
from app.backends.responses.logprobs import token_logprobs
from app.backends.responses.normalize import require_success
from app.backends.responses.sse import event_data
from app.errors import UpstreamInvalidResponse


def completion(answer: UpstreamResponse, shape: ResponseKind, model: str | None, prompt: str) -> dict[str, Any]:
    """Return an answer of any dialect, streamed or not, as OpenAI's API has it; unknown fields are kept.

    `model` is the name that callers are to see, None for the backend's own; `prompt` is for counting where the backend
    does not. Raises the ServiceError of an answer that is none: a status, an error in a 200, HTML, cut off,
    wrong shape.
    """
    reader = ChunkDecoder(shape, model, prompt, answer.headers)
    fold = CompletionAccumulator()
    for chunk in _chunks(answer, reader):
        fold.add(chunk.payload)
    reader.require_complete()
    for chunk in reader.missing_finish_chunks():
        fold.add(chunk.payload)
    told = fold.answer()
    names = {name: told[name] for name in ("id", "object", "created", "model")}
    return {**names, **told, "object": shape.whole, "usage": reader.openai_usage}


def generation(answer: UpstreamResponse, prompt: str) -> Generation:
    """Return the text, finish reason and usage of an answer; arguments and errors as for `completion`."""
    reader = ChunkDecoder(CHAT, None, prompt, answer.headers)
    chunks = list(_chunks(answer, reader))
    reader.require_complete()
    choices = [choice for chunk in chunks for choice in chunk.payload["choices"] if not choice["index"]]
    if not choices:
        raise UpstreamInvalidResponse
    text = "".join(chunk.text for chunk in chunks)
    tokens = tuple(token for choice in choices for token in token_logprobs(choice.get("logprobs")))
    return Generation(text, reader.finish_reason, reader.usage, logprobs=tokens)


def _chunks(answer: UpstreamResponse, reader: ChunkDecoder) -> list[Chunk]:
    require_success(answer)
    if answer.media_type != "text/event-stream":
        found = [reader.read(answer.body, whole=True)]
    else:
        found = [reader.read(data) for data in event_data(answer.body)]
    return [chunk for chunk in found if chunk]
