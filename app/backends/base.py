"""What every backend is made of.

A backend does no I/O. Each of its operations is a plan: a generator that yields the upstream calls it wants made, is
sent the parsed answer of each (or has its error thrown in), and returns the result. The service layer drives plans.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import orjson

from app.config import Config
from app.errors import NotSupported

if TYPE_CHECKING:
    from app.backends.responses.chunk_decoder import MakeDecoder

T = TypeVar("T")

# a longer answer of a model is none
MAX_ANSWER_BYTES = 8 * 1024**2
SENTIMENTS = ("positive", "negative", "neutral")


@dataclass(frozen=True)
class UpstreamResponse:
    """What an upstream answered: the body decoded from any content coding, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters."""
        return media_type(self.headers.get("content-type", ""))


def media_type(content_type: str) -> str:
    """Return the media type that a Content-Type names, in lower case, without parameters."""
    return content_type.split(";")[0].strip().lower()


@dataclass(frozen=True)
class UpstreamRequest(Generic[T]):
    """One upstream call: POST where there is a body, GET otherwise.

    `route` names the upstream route for the breaker. `parse` turns the answer, whatever its status, into the result
    or raises a ServiceError. `within` bounds the call to that many seconds, where it may not take the whole budget;
    `repeat` says whether it may be made again when it fails, `deterministic` that equal calls have equal answers.
    With a `reader`, made of the answer's `headers`, the plan is sent the stream of the answer's chunks.
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
    make_decoder: "MakeDecoder | None" = None
    max_response_bytes: int = MAX_ANSWER_BYTES

    @cached_property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        return None if self.body is None else orjson.dumps(self.body)

    @cached_property
    def cache_key(self) -> str:
        """Name of what is sent, the same for equal calls; a digest, so that it tells no text."""
        return hashlib.sha256(b"\0".join((self.backend.encode(), self.url.encode(), self.content or b""))).hexdigest()


Plan = Generator[UpstreamRequest[Any], Any, T]


@dataclass(frozen=True)
class Usage:
    """Tokens of one call; `estimated` where the backend gave no counts and they were counted here."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """The sum of both."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class TextRequest:
    """A validated request for text, as it comes if `stream`; None leaves the choice to the backend."""

    prompt: str
    max_tokens: int
    temperature: float
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    stream: bool = False

    @property
    def deterministic(self) -> bool:
        """Whether the same request may be given the same answer."""
        return self.temperature == 0 or self.seed is not None


@dataclass(frozen=True)
class OpenAIRequest:
    """A validated request of one of OpenAI's routes, to be passed on; `prompt` is its text, for counting."""

    body: Mapping[str, Any]
    prompt: str
    stream: bool = False


@dataclass(frozen=True)
class SummaryRequest:
    """A validated request for a summary; lengths in tokens."""

    text: str
    max_length: int
    min_length: int = 0


@dataclass(frozen=True)
class TokenLogprobs:
    """One generated token and the log-probabilities of the likeliest tokens in its place."""

    token: str
    top: Mapping[str, float]


@dataclass(frozen=True)
class Generation:
    """Text from a model; `finish_reason` is one of OpenAI's."""

    text: str
    finish_reason: str
    usage: Usage
    model: str = ""
    logprobs: tuple[TokenLogprobs, ...] = ()


@dataclass(frozen=True)
class Sentiment:
    """The probability of each of SENTIMENTS."""

    scores: Mapping[str, float]
    usage: Usage
    model: str

    @property
    def label(self) -> str:
        """The likeliest sentiment."""
        return max(self.scores, key=self.scores.__getitem__)


@dataclass(frozen=True)
class Summary:
    """The summary of a text."""

    text: str
    usage: Usage
    model: str


@dataclass(frozen=True)
class Validation:
    """Whether a model can be used; the rest where known."""

    valid: bool
    reason: str | None = None
    tasks: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()


class Backend(ABC):
    """One kind of inference backend; what it cannot do raises NotSupported.

    `model` is None where the caller leaves the choice to the backend.

    `recovery` is how long, in seconds, an open breaker keeps this backend alone; `shared` says whether all replicas of
    the service have the same one, and so the same reason to.
    """

    name: ClassVar[str]
    shared_by_replicas: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.recovery = config.breaker_recovery
        # models that the settings name for an operation are the primary backend's; another would not know them
        primary = config.backend == self.name
        self._sentiment_model = config.sentiment_model if primary else None
        self._summarization_model = config.summarization_model if primary else None

    @property
    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """The models that the settings name for this backend, the default first."""

    def generate(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Answer a prompt."""
        raise NotSupported

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Continue a prompt."""
        raise NotSupported

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        """Answer a conversation, as OpenAI's chat completions do."""
        raise NotSupported

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        """Continue a prompt, as OpenAI's completions do."""
        raise NotSupported

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[dict[str, Any]]:
        """Turn texts into vectors, as OpenAI's embeddings do."""
        raise NotSupported

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        """Return what the backend tells of its models, as OpenAI's list does; none where it has no list."""
        yield from ()
        return []

    def sentiment(self, text: str, model: str | None) -> Plan[Sentiment]:
        """Rate the sentiment of a text."""
        raise NotSupported

    def summarize(self, request: SummaryRequest, model: str | None) -> Plan[Summary]:
        """Summarize a text."""
        raise NotSupported

    def validate(self, model: str) -> Plan[Validation]:
        """Tell whether a model can be used."""
        raise NotSupported

    @abstractmethod
    def probe(self) -> Plan[None]:
        """Make the cheapest call that shows that the backend answers; raise what is wrong with it."""
