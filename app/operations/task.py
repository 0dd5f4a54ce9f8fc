"""Hugging Face's task calls: POST / and /models/{model}, with the task in the body's form, the URL or the model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from flask import Blueprint

from app.backends.base import Backend
from app.backends.pipeline_types import GenerationRequest, PipelineResult
from app.config import hf_tasks as tasks
from app.context.call_context import CallContext
from app.errors import ModelNotFound, ValidationError
from app.inference.service import InferenceService
from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse
from app.operations.endpoint import Dispatch, OperationEndpoint
from app.operations.sse import stream_response
from app.schemas.huggingface import (
    GenerationParametersSchema,
    ModelPathSchema,
    ModelTaskPathSchema,
    TaskRequestSchema,
    TranslatedGenerationSchema,
    TranslatedPipelineSchema,
    TranslatedSummarySchema,
)
from app.translators.huggingface.events import TgiEvents
from app.translators.huggingface.request import generation_request, pipeline_request, require_inputs, summary_lengths
from app.translators.huggingface.task import task_of_client, task_of_form
from app.upstream.stream import UpstreamStream
from app.web.request_body import load
from app.web.request_state import request_state

# one token, and the end of the text
STREAMED = (
    'data:{"index":1,"token":{"id":0,"text":" five","logprob":null,"special":false},"generated_text":null,'
    '"details":null}\n\n'
    'data:{"index":2,"token":{"id":0,"text":"","logprob":null,"special":true},"generated_text":" five",'
    '"details":null}\n\n'
)
# the operation of calls whose task is left to the model
ANY_TASK = "task"

_DOC = RouteDoc(
    tag="Hugging Face",
    summary="Run a task of Hugging Face",
    description="The body and the response are those of Hugging Face's inference API. The URL, the form of the body, "
    "the model or HUGGINGFACE_TASK decide the task, in this order. On Hugging Face the call is passed to the pipeline "
    "of the task; on other backends the service's own operations respond, and tasks without one get 501.",
    responses=(
        RouteResponse("The response of the task; text-generation also as a stream.", {JSON: {}, EVENTS: STREAM}),
    ),
    examples={
        "text-generation": Example(
            request={"inputs": "One, two, three, four,", "parameters": {"max_new_tokens": 8}},
            response=[{"generated_text": " five, six, seven, eight,"}],
        ),
        "text-classification": Example(
            request={
                "inputs": "The screen is gorgeous and the battery lasts for days.",
                "parameters": {"function_to_apply": "softmax"},
            },
            response=[
                [
                    {"label": "positive", "score": 0.9596},
                    {"label": "negative", "score": 0.0356},
                    {"label": "neutral", "score": 0.0048},
                ]
            ],
        ),
        "streamed": Example(
            request={"inputs": "One, two, three, four,", "parameters": {"max_new_tokens": 1}, "stream": True},
            media_type=EVENTS,
            response=STREAMED,
        ),
    },
)
_PIPELINE_EXAMPLES = {name: _DOC.examples[name] for name in (tasks.TEXT_GENERATION, "streamed")}
_AMBIGUOUS = (
    "Several tasks have this form. Name the task in the URL, as in /models/default/pipeline/summarization, or set "
    "HUGGINGFACE_TASK."
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the routes."""
    routes = Blueprint(ANY_TASK, __name__)
    config = endpoint.config
    schema, calls = TaskRequestSchema(config), TaskCalls(endpoint)
    model = replace(_DOC, parameters=ModelPathSchema(config))
    pipeline = replace(_DOC, parameters=ModelTaskPathSchema(config), examples=_PIPELINE_EXAMPLES)
    for rule, name, doc in (
        ("/", "task", _DOC),
        ("/models/<path:model>", "task_model", model),
        ("/models/<path:model>/pipeline/<task>", "task_pipeline", pipeline),
        ("/hf-inference/models/<path:model>", "task_hf_inference_model", model),
        ("/hf-inference/models/<path:model>/pipeline/<task>", "task_hf_inference_pipeline", pipeline),
        # the older order
        ("/pipeline/<task>/<path:model>", "task_legacy_pipeline", pipeline),
    ):
        endpoint.register_dispatched(routes, rule, schema, calls.dispatch, doc, name=name)
    return routes


class TaskCalls:
    """Finds the tasks of calls and runs them."""

    def __init__(self, endpoint: OperationEndpoint) -> None:
        config = endpoint.config
        self._inference = endpoint.inference
        self._default_task = config.huggingface_task
        self._default_tokens = config.huggingface_max_tokens
        self._parameters = GenerationParametersSchema()
        generation, summary = TranslatedGenerationSchema(config), TranslatedSummarySchema(config)
        self._generation_estimator = endpoint.estimator(generation)
        self._estimator = endpoint.estimator(TranslatedPipelineSchema(config))
        self._estimators = {tasks.SUMMARIZATION: endpoint.estimator(summary)}

    def dispatch(self, body: dict[str, Any]) -> Dispatch:
        """Return how a validated body is served; raise ValidationError if it does not have the form of its task."""
        task = self._find_task(body)
        require_inputs(task, body)
        if task == tasks.TEXT_GENERATION or (task is None and _can_generate(body["inputs"])):
            return self.generation(task, body, load(self._parameters, body.get("parameters") or {}))
        estimator = self._estimators.get(task or "", self._estimator)
        lengths = {"max_length": summary_lengths(body)[0]} if task == tasks.SUMMARIZATION else {}
        call = _TaskCall(self._inference, task, None)
        return Dispatch(call.operation, {**body, **lengths}, call.run, estimator)

    def generation(
        self, task: str | None, body: dict[str, Any], parameters: Mapping[str, Any], *, is_list: bool = True
    ) -> Dispatch:
        """Return how a request for text is served; without `is_list` its response is an object."""
        limit = {name: parameters[name] for name in ("max_new_tokens",) if name in parameters}
        generation = generation_request({"max_new_tokens": self._default_tokens, **body, **limit}, parameters)
        call = _TaskCall(self._inference, task, generation, is_list=is_list)
        return Dispatch(call.operation, {**body, **limit}, call.run, self._generation_estimator)

    def _find_task(self, body: Mapping[str, Any]) -> str | None:
        """Return the task of a body, None if the model decides it."""
        agent = request_state().request.headers.get("User-Agent", "")
        known, takes_any = self._facts_of_model(body.get("model"))
        found = body.get("task") or task_of_form(body) or known or task_of_client(body, agent)
        if found or takes_any:
            return found
        if self._default_task is None and "@huggingface/inference" in agent:
            raise ValidationError(_AMBIGUOUS)  # this library generates text through completions only
        return self._default_task or tasks.TEXT_GENERATION

    def _facts_of_model(self, model: str | None) -> tuple[str | None, bool]:
        """Return the task that a model is known for, and whether its backend takes calls without a task."""
        try:
            target = self._inference.executor.models.targets(model)[0]
        except ModelNotFound:  # raised again when the task runs, with the names of models
            return None, False
        return target.backend.task_of_model(target.model), target.backend.takes_any_task(target.model)


@dataclass(frozen=True)
class _TaskCall:
    """One call of a task; `generation` is its request for text, None for other tasks."""

    inference: InferenceService
    task: str | None
    generation: GenerationRequest | None
    is_list: bool = True

    @property
    def operation(self) -> str:
        return tasks.TASK_OPERATIONS[self.task] if self.task else ANY_TASK

    def run(self, context: CallContext, body: dict[str, Any]) -> Any:
        """Return the response for a body, whose token limit may have been lowered."""
        generation = self.generation
        if generation is not None and "max_new_tokens" in body:
            generation = replace(generation, max_tokens=body["max_new_tokens"])
        request = pipeline_request(self.task, body, generation)
        result: PipelineResult | UpstreamStream = self.inference.run(
            context, Backend.pipeline, request, body.get("model"), task=self.operation
        )
        if isinstance(result, UpstreamStream):
            events = TgiEvents(context, result, cast("GenerationRequest", generation))
            return stream_response(self.inference.executor, context, result, events)
        payload = result.payload
        return payload[0] if not self.is_list and isinstance(payload, list) else payload


def _can_generate(inputs: Any) -> bool:
    return isinstance(inputs, str) or all(isinstance(item, str) for item in inputs)
