"""Task calls passed on to hf-inference, or to the root of a dedicated endpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from app.backends.base import Plan, UpstreamRequest
from app.backends.hub_lookup import HubLookup
from app.backends.pipeline_types import GenerationRequest, PipelineRequest, PipelineResult
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.backends.responses.parse import parse_generation
from app.backends.responses.pipelines import parse_task
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.text_generation import is_deterministic
from app.backends.types import Usage
from app.backends.upstream_response import UpstreamResponse
from app.config import hf_tasks as tasks
from app.errors import ModelNotFound, UpstreamInvalidResponse

# the models of tasks whose settings name none: the most used ones that hf-inference keeps loaded
DEFAULT_MODELS: Mapping[str, str] = {
    tasks.ZERO_SHOT_CLASSIFICATION: "facebook/bart-large-mnli",
    tasks.TOKEN_CLASSIFICATION: "dslim/bert-base-NER",
    tasks.TRANSLATION: "google-t5/t5-small",
    tasks.QUESTION_ANSWERING: "deepset/roberta-base-squad2",
    tasks.TABLE_QUESTION_ANSWERING: "google/tapas-base-finetuned-wtq",
    tasks.FILL_MASK: "google-bert/bert-base-uncased",
    tasks.TEXT_RANKING: "BAAI/bge-reranker-v2-m3",
}
# operations of this service whose default model is that of a task
OPERATION_TASKS: Mapping[str, str] = {
    "classify": tasks.ZERO_SHOT_CLASSIFICATION,
    "entities": tasks.TOKEN_CLASSIFICATION,
    "answer": tasks.QUESTION_ANSWERING,
}
# tasks that share their models, so that the URL has to name one
_IN_URL = (tasks.FEATURE_EXTRACTION, tasks.SENTENCE_SIMILARITY)
_GENERATED_FIELDS = ("generated_text", "summary_text", "translation_text")


@dataclass(frozen=True)
class Pipelines:
    """The pipelines of one backend. `dedicated` means that the root URL is that of one model."""

    backend: str
    root_url: str
    headers: Mapping[str, str]
    hub: HubLookup
    dedicated: bool

    def run(
        self, request: PipelineRequest, model: str, run_by_operations: Callable[[PipelineRequest], Plan[PipelineResult]]
    ) -> Plan[PipelineResult]:
        """Pass the call on; a model without a text-generation pipeline is asked by `run_by_operations`."""
        if request.task is None and request.generation and not self.dedicated:
            is_generator = (yield from self.hub.task(model)) in tasks.GENERATOR_TASKS
            request = replace(request, task=tasks.TEXT_GENERATION if is_generator else None)
        if request.task != tasks.TEXT_GENERATION:
            return (yield from self._send(request, model))
        if self.dedicated or (yield from self.hub.offers_text_generation(model)):
            try:
                return (yield from self._send(request, model))
            except ModelNotFound:
                pass  # the Hub checks its mapping every six hours only, so it may be out of date
        return (yield from run_by_operations(request))

    def _send(self, request: PipelineRequest, model: str) -> Plan[PipelineResult]:
        """Send the body as it is, and return the response as it is if it is one of the task."""
        if request.task == tasks.TEXT_GENERATION and request.generation is not None:
            return (yield from self._generate(request, request.generation, model))
        call = self._call(request, model)
        if request.task == tasks.FEATURE_EXTRACTION:
            call.max_response_bytes = embeddings.MAX_VECTORS_BYTES
        return (yield call)

    def _generate(self, request: PipelineRequest, generation: GenerationRequest, model: str) -> Plan[PipelineResult]:
        limits = {"max_new_tokens": generation.max_tokens}
        parameters = {**generation.parameters, **limits}
        body = {**request.body, "parameters": {name: _listed(value) for name, value in parameters.items()}}
        call = replace(
            self._call(replace(request, body=body), model),
            parse=partial(_parse_generated, model=model, request=request),
            deterministic=is_deterministic(generation.parameters),
            added=dict.fromkeys(limits) if generation.limit_added else {},
        )
        if not generation.stream:
            return (yield call)
        make_decoder = partial(ChunkDecoder, CHAT, model, request.text)
        return (yield replace(call, body={**body, "stream": True}, make_decoder=make_decoder))

    def _call(self, request: PipelineRequest, model: str) -> UpstreamRequest[Any]:
        """Return the call of a pipeline; a provider after the model's colon is not part of the path."""
        url = f"{self.root_url}/"
        if not self.dedicated:
            suffix = f"/pipeline/{request.task}" if request.task in _IN_URL else ""
            url = f"{self.root_url}/hf-inference/models/{quote(model.partition(':')[0])}{suffix}"
        parse = partial(_parse, model=model, request=request)
        route, body = request.task or "pipeline", dict(request.body)
        return UpstreamRequest(self.backend, route, url, parse, body, self.headers, deterministic=True, model=model)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _parse(response: UpstreamResponse, model: str, request: PipelineRequest) -> PipelineResult:
    payload = parse_task(response, request.task)
    generated = estimated_tokens(" ".join(_generated_texts(payload)))
    has_text = request.task not in (tasks.FEATURE_EXTRACTION, tasks.SENTENCE_SIMILARITY)
    usage = Usage(estimated_tokens(request.text), generated if has_text else None, estimated=True)
    return PipelineResult(payload, model=model, usage=usage)


def _parse_generated(response: UpstreamResponse, model: str, request: PipelineRequest) -> PipelineResult:
    """Return a response of TGI with its own counts, as far as it has them."""
    result = _parse(response, model, request)
    try:
        generation = parse_generation(response, model, request.text)
    except UpstreamInvalidResponse:  # a list for each of several inputs
        return result
    return replace(result, usage=generation.usage, reason=generation.finish_reason)


def _generated_texts(payload: Any) -> list[str]:
    if isinstance(payload, list):
        return [text for item in payload for text in _generated_texts(item)] if _has_objects(payload) else []
    if not isinstance(payload, dict):
        return []
    return [text for name in _GENERATED_FIELDS if isinstance(text := payload.get(name), str)]


def _has_objects(payload: list[Any]) -> bool:
    """Return whether a list starts with an object, within lists; vectors have too many numbers to look at each."""
    first: Any = payload
    while isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, dict)
