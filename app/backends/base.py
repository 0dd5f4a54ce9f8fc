"""The interface of all backends."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from app.backends.pipeline_types import PipelineRequest, PipelineResult
from app.backends.plan import Plan as Plan
from app.backends.plan import UpstreamRequest as UpstreamRequest
from app.backends.responses.token_count import estimated_tokens_of_chat, token_count
from app.backends.text_operations import TextOperations
from app.backends.tokenization import Detokenization, Tokenization, TokenizeRequest
from app.backends.types import (
    Classifications,
    ClassifyRequest,
    Generation,
    OpenAIRequest,
    OpenAIResult,
    Ranking,
    RerankRequest,
    ResponsesRequest,
    ResponsesResult,
    TextRequest,
    TokenCount,
    Validation,
    Vectors,
)
from app.backends.upstream_response import UpstreamResponse as UpstreamResponse
from app.config import Config
from app.config.hf_tasks import TASK_OPERATIONS
from app.errors import NotSupported

T = TypeVar("T")


class Backend(TextOperations, ABC):
    """One kind of inference backend. Operations that it lacks raise NotSupported.

    An operation takes its request and the model, None for the backend's default. If the request asks for a stream,
    the plan returns an UpstreamStream in place of its result.

    `max_fan_out` is how many calls at a time the lists of texts may have in flight, None for the setting.
    `recovery` is how long a circuit breaker stays open, in seconds. `shared_by_replicas` means that all replicas of the
    service call the same upstream: then they share the state of its breakers.
    """

    name: ClassVar[str]
    shared_by_replicas: ClassVar[bool] = True
    max_fan_out: ClassVar[int | None] = None

    def __init__(self, config: Config) -> None:
        self.recovery = config.breaker_recovery
        # the settings of tasks, such as SENTIMENT_MODEL, name models of the primary backend only
        is_primary = config.backend == self.name
        self._sentiment_model = config.sentiment_model if is_primary else None
        self._summarization_model = config.summarization_model if is_primary else None
        self._moderation_model = config.moderation_model if is_primary else None
        self._rerank_model = config.rerank_model if is_primary else None
        self._translation_model = config.translation_model if is_primary else None

    @property
    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """The models that the settings name for this backend, the default first."""

    @abstractmethod
    def default_model(self, operation: str) -> str | None:
        """Return the model of an operation whose request names none; None if the upstream chooses it."""

    def canonical_model(self, model: str) -> str:
        """Return the one spelling of a model that has several names here."""
        return model

    def wrap_plan(self, plan: Plan[T]) -> Plan[T]:
        """Return the plan as PlanExecutor runs it; override to map errors of all operations in one place."""
        return plan

    def generate(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Respond to a prompt."""
        raise NotSupported

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Continue a prompt."""
        raise NotSupported

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Respond to a conversation, as OpenAI's chat completions do."""
        raise NotSupported

    def count_tokens(self, request: OpenAIRequest, model: str | None) -> Plan[TokenCount]:
        """Count the tokens of a conversation with its tools; without a way to count them, estimate them."""
        yield from ()
        return token_count(estimated_tokens_of_chat(request), model)

    def responses(self, request: ResponsesRequest, model: str | None) -> Plan[OpenAIResult | ResponsesResult]:
        """Respond to a conversation in the form of the Responses API; without its route, as a chat completion."""
        return self.chat(request.chat, model)

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Continue a prompt, as OpenAI's completions do."""
        raise NotSupported

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Turn texts into vectors, as OpenAI's embeddings do."""
        raise NotSupported

    def rerank(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Rate how relevant each text is to the query, by a model for that purpose or by embeddings."""
        raise NotSupported

    def similarity(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Rate how similar each text is to the query, by embeddings."""
        raise NotSupported

    def vectors(self, texts: Sequence[str], model: str | None) -> Plan[Vectors]:
        """Turn any number of texts into vectors."""
        raise NotSupported

    def predict(self, requests: Sequence[ClassifyRequest], model: str | None) -> Plan[Classifications]:
        """Return the labels that the model itself has for each text, or pair of texts."""
        raise NotSupported

    def pipeline(self, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
        """Run one of Hugging Face's tasks."""
        raise NotSupported

    def task_of_model(self, model: str | None) -> str | None:
        """Return the task of Hugging Face that settings or backend know for a model; None for its default model."""
        tasks = ((task, self.default_model(operation)) for task, operation in TASK_OPERATIONS.items())
        return next((task for task, default in tasks if default is not None and default == model), None)

    def takes_any_task(self, model: str | None) -> bool:
        """Return whether a task call may leave its task to the model."""
        return False

    def moderations(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Rate texts in OpenAI's moderation categories."""
        raise NotSupported

    def vllm_classify(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Classify texts, as vLLM does; a model of another task rates their sentiment."""
        raise NotSupported

    def tokenize(self, request: TokenizeRequest, model: str | None) -> Plan[Tokenization]:
        """Turn texts, or a conversation with its template, into tokens; no model runs."""
        raise NotSupported

    def detokenize(self, tokens: Sequence[int], model: str | None) -> Plan[Detokenization]:
        """Return the text of tokens."""
        raise NotSupported

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        """Return the backend's own list of models, as entries of OpenAI's list; empty if it has none."""
        yield from ()
        return []

    def validate(self, model: str) -> Plan[Validation]:
        """Return whether a model can be used."""
        raise NotSupported

    def helpers(self) -> Mapping[str, Callable[[], Plan[None]]]:
        """Return the probes of processes beside the backend that some of its operations need, by their names."""
        return {}

    @abstractmethod
    def probe(self) -> Plan[None]:
        """Make the cheapest call that shows that the backend responds; raise its ServiceError otherwise."""
