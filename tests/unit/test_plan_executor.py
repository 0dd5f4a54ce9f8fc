"""How PlanExecutor runs plans, and the fields of results that it records."""

import pytest

from app.backends import backend_class
from app.backends.base import Backend
from app.backends.pipeline_types import PipelineResult
from app.backends.text_types import Answer, Entities, Extraction, Keywords, LabelScores, Translation
from app.backends.tokenization import Detokenization, Tokenization
from app.backends.types import (
    Classification,
    Classifications,
    Generation,
    OpenAIRequest,
    OpenAIResult,
    Ranking,
    ResponsesResult,
    Result,
    Sentiment,
    Summary,
    TokenCount,
    Usage,
    Validation,
    Vectors,
)
from app.config import Config
from app.context.call_context import CallContext
from app.context.deadline import Deadline
from app.context.request_info import RequestInfo
from app.errors import ModelLoading, NotSupported, UpstreamInvalidResponse, UpstreamUnavailable
from app.inference.model_router import ModelRouter
from app.inference.plan_executor import PlanExecutor
from app.inference.service import InferenceService
from app.observability.metrics.registry import Metrics

USAGE = Usage(7, 3, estimated=True)
RESULTS = [
    Generation("text", "length", usage=USAGE, model="org/answering"),
    OpenAIResult({"choices": [{"finish_reason": "length"}]}, usage=USAGE, model="org/answering"),
    OpenAIResult({"data": []}, usage=USAGE, model="org/answering"),
    ResponsesResult({"output": []}, "length", usage=USAGE, model="org/answering"),
    Sentiment({"positive": 1.0}, usage=USAGE, model="org/answering"),
    Summary("text", "abstractive", usage=USAGE, model="org/answering"),
    PipelineResult([{"generated_text": "text"}], "length", usage=USAGE, model="org/answering"),
    PipelineResult([0.5], usage=USAGE, model="org/answering"),
    Vectors([[0.5]], usage=USAGE, model="org/answering"),
    Ranking([0.5], usage=USAGE, model="org/answering"),
    Classification([("POSITIVE", 1.0)], usage=USAGE, model="org/answering"),
    Classifications([], usage=USAGE, model="org/answering"),
    TokenCount(7, usage=USAGE, model="org/answering"),
    Tokenization((), usage=USAGE, model="org/answering"),
    Detokenization("text", usage=USAGE, model="org/answering"),
    LabelScores({"billing": 1.0}, "logprobs", usage=USAGE, model="org/answering"),
    Entities((), "model", usage=USAGE, model="org/answering"),
    Keywords((), "model", usage=USAGE, model="org/answering"),
    Translation("Text", usage=USAGE, model="org/answering"),
    Answer(None, None, "model", usage=USAGE, model="org/answering"),
    Extraction({}, usage=USAGE, model="org/answering"),
]
ENDED = 4  # results with a finish reason


class NoCache:
    """A client whose calls raise an error, if there is one, or return None."""

    def __init__(self, error=None):
        self._error = error

    def send(self, call, backend, context):
        if self._error:
            raise self._error

    def commit(self, context):
        pass


@pytest.fixture
def context():
    return CallContext(RequestInfo("id"), Deadline(30.0), "test")


def executor_of(error=None, **variables):
    models = ModelRouter(Config.from_env({"OPENAI_BASE_URL": "http://llm.test/v1", **variables}))
    return PlanExecutor(models, NoCache(error), Metrics([]))


def plan_of(result):
    yield from ()
    return result


def call_once():
    return (yield None)


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_model_and_usage_of_every_result_are_recorded(context, result):
    executor_of().execute(context, None, lambda target: plan_of(result))
    assert (context.model, context.outcome) == ("org/answering", "ok")
    assert (context.prompt_tokens, context.completion_tokens, context.usage_estimated) == (7, 3, True)
    assert list(context.finish_reasons) == list(result.finish_reasons)


def test_every_result_type_with_usage_is_covered():
    assert {type(result) for result in RESULTS} == set(Result.__subclasses__())


def test_finish_reasons_are_those_of_all_choices():
    assert [list(result.finish_reasons) for result in RESULTS].count(["length"]) == ENDED
    assert sum(bool(result.finish_reasons) for result in RESULTS) == ENDED


def test_the_requested_model_stays_if_the_result_names_none(context):
    executor_of(OPENAI_DEFAULT_MODEL="org/small").execute(
        context, None, lambda target: plan_of(Summary("text", "abstractive", usage=USAGE, model=""))
    )
    assert context.model == "org/small"


def test_without_any_model_name_the_context_has_none(context):
    executor_of().execute(context, None, lambda target: plan_of(Summary("text", "abstractive", usage=USAGE, model="")))
    assert context.model is None


def test_a_result_without_usage_records_no_tokens(context):
    executor = executor_of()
    executor.run_target(context, executor.models.targets(None)[0], lambda target: plan_of(Validation(True)))
    assert (context.outcome, context.prompt_tokens, context.completion_tokens) == ("ok", None, None)


@pytest.mark.parametrize("error", [UpstreamUnavailable(), UpstreamInvalidResponse()])
def test_the_embedded_backend_maps_engine_failures_of_any_plan(context, error):
    backend = backend_class("embedded")(Config())
    with pytest.raises(ModelLoading) as raised:
        executor_of(error).drive_plan(context, backend, call_once())
    assert raised.value.__cause__ is error


def test_other_backends_map_no_errors(context):
    error = UpstreamUnavailable()
    executor = executor_of(error)
    with pytest.raises(UpstreamUnavailable) as raised:
        executor.drive_plan(context, executor.models.primary, call_once())
    assert raised.value is error


def test_an_operation_runs_the_method_of_the_targets_backend(context):
    service = InferenceService(executor_of(AI_BACKEND="embedded", EMBEDDED_START="false", EMBEDDED_PORT="9"))
    with pytest.raises(NotSupported, match="The encoder does not run beside this engine"):
        service.run(context, Backend.embeddings, OpenAIRequest({"input": "a"}, "a"), None)
