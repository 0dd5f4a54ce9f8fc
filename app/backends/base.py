"""The interface of all backends, and the upstream calls that their plans are made of.

A backend does no I/O. Each operation returns a plan: a generator that yields upstream calls, receives each parsed
response (or has the error thrown in), and returns the result. `PlanExecutor` runs the plans.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import orjson

from app.backends.pipeline_types import PipelineRequest, PipelineResult
from app.backends.responses.chunk_decoder import MakeDecoder
from app.backends.responses.token_count import estimated_tokens_of_chat, token_count
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
    Sentiment,
    Summary,
    SummaryRequest,
    TextRequest,
    TokenCount,
    Validation,
)
from app.backends.upstream_response import UpstreamResponse as UpstreamResponse
from app.config import Config
from app.config.hf_tasks import TASK_OPERATIONS
from app.errors import NotSupported

T = TypeVar("T")

# far above the longest completion; a longer response is rejected
MAX_RESPONSE_BYTES = 8 * 1024**2


@dataclass(slots=True)
class UpstreamRequest(Generic[T]):
    """One upstream call: POST if there is a body, GET otherwise.

    `route` is the upstream route, which has a circuit breaker of its own. `parse` turns a response of any status into
    the result, or raises a ServiceError. `timeout` limits the call, in seconds, within the request's deadline.
    `retryable` allows a retry after a failure. `deterministic` means that equal calls get equal responses. With
    `make_decoder` the response is streamed: the plan receives its UpstreamStream. `model` is the model that is asked,
    None if the upstream chooses it or the call needs none. `added` holds the fields of the body that the service added
    by itself and may take back, each with the client's own value, or None.
    Without `timeout_is_failure` the breaker does not count timeouts.
    """

    backend: str
    route: str
    url: str
    parse: Callable[[UpstreamResponse], T]
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    retryable: bool = True
    deterministic: bool = False
    make_decoder: MakeDecoder | None = None
    timeout_is_failure: bool = True
    max_response_bytes: int = MAX_RESPONSE_BYTES
    model: str | None = None
    added: Mapping[str, Any] = field(default_factory=dict)

    # in place of functools.cached_property, which takes a lock at each first access before Python 3.12
    _content: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _cache_key: str = field(default="", init=False, repr=False, compare=False)

    @property
    def content(self) -> bytes | None:
        """The request body as bytes, made once."""
        if self._content is None and self.body is not None:
            self._content = orjson.dumps(self.body)
        return self._content

    @property
    def cache_key(self) -> str:
        """The key of the response in caches, made once: a digest, so that keys reveal no text."""
        if not self._cache_key:
            parts = (self.backend.encode(), self.url.encode(), self.content or b"")
            self._cache_key = hashlib.sha256(b"\0".join(parts)).hexdigest()
        return self._cache_key


Plan = Generator[UpstreamRequest[Any], Any, T]


class Backend(ABC):
    """One kind of inference backend. Operations that it lacks raise NotSupported.

    An operation takes its request and the model, None for the backend's default. If the request asks for a stream,
    the plan returns an UpstreamStream in place of its result.

    `recovery` is how long a circuit breaker stays open, in seconds. `shared_by_replicas` means that all replicas of the
    service call the same upstream: then they share the state of its breakers.
    """

    name: ClassVar[str]
    shared_by_replicas: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.recovery = config.breaker_recovery
        # the settings of tasks, such as SENTIMENT_MODEL, name models of the primary backend only
        is_primary = config.backend == self.name
        self._sentiment_model = config.sentiment_model if is_primary else None
        self._summarization_model = config.summarization_model if is_primary else None
        self._moderation_model = config.moderation_model if is_primary else None
        self._rerank_model = config.rerank_model if is_primary else None

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

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Rate the sentiment of a text."""
        raise NotSupported

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Summarize a text."""
        raise NotSupported

    def rerank(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Rate how relevant each text is to the query, by a model for that purpose or by embeddings."""
        raise NotSupported

    def similarity(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Rate how similar each text is to the query, by embeddings."""
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

    def classify(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
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

    @abstractmethod
    def probe(self) -> Plan[None]:
        """Make the cheapest call that shows that the backend responds; raise its ServiceError otherwise."""
