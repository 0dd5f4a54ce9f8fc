"""Parses complete responses of any dialect: into OpenAI's form, or into the text and usage that operations need."""

from functools import partial

from app.backends.responses.aggregate import CompletionAccumulator
from app.backends.responses.chunk_decoder import CHAT, Chunk, ChunkDecoder, MakeDecoder, ResponseKind
from app.backends.responses.logprobs import token_logprobs
from app.backends.responses.normalize import require_success
from app.backends.responses.sse import is_json_document, iter_event_data
from app.backends.responses.usage import openai_usage
from app.backends.types import Generation, OpenAIResult
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse


def parse_completion(
    response: UpstreamResponse, kind: ResponseKind, model: str | None, prompt: str, expected_choices: int = 1
) -> OpenAIResult:
    """Return a response, streamed or not, in OpenAI's form; unknown fields stay.

    The other arguments are those of ChunkDecoder. Raises the ServiceError of an error status or of an error payload,
    and UpstreamInvalidResponse if the body is cut off or of an unknown form.
    """
    return parse_choices(response, partial(ChunkDecoder, kind, model, prompt, expected_choices=expected_choices), kind)


def parse_choices(response: UpstreamResponse, make_decoder: MakeDecoder, kind: ResponseKind) -> OpenAIResult:
    """Return a response in OpenAI's form, read by the decoder of `make_decoder`; errors as for `parse_completion`."""
    decoder = make_decoder(response.headers)
    accumulator = CompletionAccumulator()
    for chunk in _decode(response, decoder):
        accumulator.add(chunk.payload)
    decoder.require_complete()
    for chunk in decoder.missing_finish_chunks():
        accumulator.add(chunk.payload)
    completion = accumulator.completion()
    names = {name: completion[name] for name in ("id", "object", "created", "model")}
    usage = decoder.usage
    # `names` come first, as in OpenAI's responses
    payload = {**names, **completion, "object": kind.object, "usage": openai_usage(decoder.counts, usage)}
    return OpenAIResult(payload, usage=usage, model=names["model"])


def parse_generation(response: UpstreamResponse, model: str | None, prompt: str) -> Generation:
    """Return text, finish reason and usage of the first choice; arguments and errors as for `parse_completion`."""
    decoder = ChunkDecoder(CHAT, model, prompt, response.headers)
    chunks = _decode(response, decoder)
    decoder.require_complete()
    chunks += decoder.missing_finish_chunks()
    choices = [choice for chunk in chunks for choice in chunk.payload["choices"] if not choice["index"]]
    if not choices:
        raise UpstreamInvalidResponse
    text = "".join(chunk.text for chunk in chunks)
    tokens = tuple(token for choice in choices for token in token_logprobs(choice.get("logprobs")))
    return Generation(text, decoder.finish_reason, tokens, usage=decoder.usage, model=decoder.model)


def _decode(response: UpstreamResponse, decoder: ChunkDecoder) -> list[Chunk]:
    require_success(response)
    if is_json_document(response.body):  # the label may say something else
        chunk = decoder.decode(response.body, complete=True)
        return [chunk] if chunk else []
    return [chunk for data in iter_event_data(response.body) if (chunk := decoder.decode_event(data))]
