"""Tasks of Hugging Face, carried out by the operations of a backend that has no pipelines."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from app.backends.base import Backend, Plan
from app.backends.pipeline_types import PipelineRequest, PipelineResult
from app.backends.tasks.text_generation import generate
from app.backends.text_types import SentimentRequest
from app.backends.types import OpenAIRequest, RerankRequest, Result, SummaryRequest, Usage
from app.config import hf_tasks as tasks
from app.errors import NotSupported

_ADVICE = "set HUGGINGFACE_API_KEY to use the pipelines of Hugging Face"

_Task = Callable[[Backend, PipelineRequest, str | None], Plan[PipelineResult]]


def run_by_operations(backend: Backend, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
    """Return the response of a task in the form of Hugging Face's pipelines.

    Raises NotSupported for a task, or an option, that no operation of the backend can carry out.
    """
    if request.task in (None, tasks.TEXT_GENERATION) and request.generation is not None:
        return (yield from generate(backend, request.generation, model))
    task = _TASKS.get(request.task or "")
    if task is None:
        name = request.task or "a task of these inputs"
        raise NotSupported(f"The backend {backend.name} has no pipeline for {name}; {_ADVICE}.")
    return (yield from task(backend, request, model))


def _classify(backend: Backend, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
    parameters = _parameters(request)
    if parameters.get("function_to_apply") not in (None, "softmax"):
        raise NotSupported(f"The backend {backend.name} gives probabilities only; leave function_to_apply out.")
    top = parameters.get("top_k")
    results, payload = [], []
    for text in _texts(request):
        result = yield from backend.sentiment(SentimentRequest(text), model)
        scores = sorted(result.scores.items(), key=lambda pair: -pair[1])
        payload.append([{"label": label, "score": score} for label, score in scores[:top]])
        results.append(result)
    return _merged(results, payload)


def _summarize(backend: Backend, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
    results, payload = [], []
    for text in _texts(request):
        result = yield from backend.summarize(SummaryRequest(text, *request.summary_lengths), model)
        payload.append({"summary_text": result.text})
        results.append(result)
    return _merged(results, payload)


def _extract_features(backend: Backend, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
    body = request.body
    if body.get("prompt_name"):
        raise NotSupported(f"The backend {backend.name} has no named prompts; write the prompt into the inputs.")
    options = {name: body[name] for name in ("dimensions", "encoding_format") if name in body}
    texts = _texts(request)
    result = yield from backend.embeddings(OpenAIRequest({"input": texts, **options}, "\n".join(texts)), model)
    vectors = [entry["embedding"] for entry in result.payload["data"]]
    if body.get("normalize") and body.get("encoding_format") != "base64":
        vectors = [_normalized(vector) for vector in vectors]
    payload = vectors[0] if isinstance(body["inputs"], str) else vectors
    return PipelineResult(payload, model=result.model, usage=result.usage)


def _compare(backend: Backend, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
    inputs = request.body["inputs"]
    result = yield from backend.similarity(RerankRequest(inputs["source_sentence"], tuple(inputs["sentences"])), model)
    return PipelineResult(result.scores, model=result.model, usage=result.usage)


_TASKS: Mapping[str, _Task] = {
    tasks.TEXT_CLASSIFICATION: _classify,
    tasks.SUMMARIZATION: _summarize,
    tasks.FEATURE_EXTRACTION: _extract_features,
    tasks.SENTENCE_SIMILARITY: _compare,
}


def _parameters(request: PipelineRequest) -> Mapping[str, Any]:
    return request.body.get("parameters") or {}


def _texts(request: PipelineRequest) -> list[str]:
    """Return the texts of a request; raise NotSupported for pairs of texts."""
    inputs = request.body["inputs"]
    texts = inputs if isinstance(inputs, list) else [inputs]
    if not all(isinstance(text, str) for text in texts):
        raise NotSupported(f"Pairs of texts need a pipeline; {_ADVICE}.")
    return texts


def _normalized(vector: list[float]) -> list[float]:
    norm = math.hypot(*vector)
    return [number / norm for number in vector] if norm else [float(number) for number in vector]


def _merged(results: list[Any], payload: Any) -> PipelineResult:
    """Return the payload with the sum of the results' tokens."""
    found: list[Result] = results
    usage = Usage(
        sum(result.usage.prompt_tokens for result in found),
        sum(result.usage.completion_tokens or 0 for result in found),
        any(result.usage.estimated for result in found),
    )
    return PipelineResult(payload, model=found[-1].model, usage=usage)
