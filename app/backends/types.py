"""Requests and results of the operations, as backends take and return them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SENTIMENTS = ("positive", "negative", "neutral")
MIXED = "mixed"
EXTRACTIVE, ABSTRACTIVE, BULLETS = SUMMARY_STYLES = ("extractive", "abstractive", "bullets")
MAP_REDUCE, TRUNCATE, REJECT = LONG_TEXTS = ("map_reduce", "truncate", "reject")


@dataclass(frozen=True)
class TextRequest:
    """A validated request for text; None leaves the choice to the backend.

    `defaulted` names the parameters that the client did not send.
    """

    prompt: str
    max_tokens: int
    temperature: float
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    stream: bool = False
    defaulted: tuple[str, ...] = ()

    @property
    def deterministic(self) -> bool:
        """Whether equal requests may get the same response."""
        return self.temperature == 0 or self.seed is not None


@dataclass(frozen=True)
class OpenAIRequest:
    """A validated request of one of OpenAI's routes, to be passed on; `prompt` is its text, for counting tokens.

    `limit_added` means that the service added `max_tokens`. `may_drop` names further fields that are left out, or sent
    in another form, if the upstream refuses them.
    """

    body: Mapping[str, Any]
    prompt: str
    stream: bool = False
    limit_added: bool = False
    may_drop: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResponsesRequest:
    """A validated request of the Responses API: its body without model, and the same request as a chat."""

    body: Mapping[str, Any]
    chat: OpenAIRequest


@dataclass(frozen=True)
class SummaryRequest:
    """A validated request for a summary: lengths in tokens, and `length` in sentences, which outweighs them.

    `style` is one of SUMMARY_STYLES, None for the backend's default. `focus` is what the summary is about, "" for all
    of the text. `long` is what to do with a text that is longer than the model reads, one of LONG_TEXTS. `language` is
    an ISO 639-1 code, None if it is unknown.
    """

    text: str
    max_length: int
    min_length: int = 0
    length: int | None = None
    style: str | None = None
    focus: str = ""
    long: str = MAP_REDUCE
    language: str | None = None


@dataclass(frozen=True)
class RerankRequest:
    """A query, and the texts that are compared with it.

    `options` are further fields for an upstream's rerank route of Jina's shape, and `tei_options` for that of
    text-embeddings-inference.
    """

    query: str
    documents: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    tei_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassifyRequest:
    """A text or a pair of texts to classify; `options` are further fields for text-embeddings-inference."""

    texts: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Usage:
    """Tokens of one operation; `estimated` if the backend returned no valid counts.

    `completion_tokens` is None for an operation that generates no text. `reported_total` is the backend's own total,
    which may include tokens that are in neither count, such as hidden reasoning; 0 if unknown.
    """

    prompt_tokens: int
    completion_tokens: int | None
    estimated: bool = False
    reported_total: int = 0

    @property
    def total_tokens(self) -> int:
        """The sum of both counts, or the backend's total if that is more."""
        return max(self.reported_total, self.prompt_tokens + (self.completion_tokens or 0))

    @property
    def output_tokens(self) -> int | None:
        """All tokens beside those of the prompt; None if there are none and no text is generated."""
        return None if self.completion_tokens is None else self.total_tokens - self.prompt_tokens


@dataclass(frozen=True, kw_only=True)
class Result:
    """The base of all results that use tokens; PlanExecutor records these fields for log, metrics and quotas.

    `model` is the model that responded, "" if unknown.
    """

    model: str
    usage: Usage

    @property
    def finish_reasons(self) -> Sequence[str | None]:
        """Why each choice ended, as OpenAI spells it; empty for results without choices."""
        return ()


@dataclass(frozen=True)
class TokenLogprobs:
    """One generated token and the log-probabilities of the most likely tokens at its position."""

    token: str
    top: Mapping[str, float]


@dataclass(frozen=True)
class Generation(Result):
    """Text from a model."""

    text: str
    finish_reason: str
    logprobs: tuple[TokenLogprobs, ...] = ()

    @property
    def finish_reasons(self) -> Sequence[str | None]:
        return (self.finish_reason,)


@dataclass(frozen=True)
class OpenAIResult(Result):
    """A response body of one of OpenAI's routes."""

    payload: dict[str, Any]

    @property
    def finish_reasons(self) -> Sequence[str | None]:
        return [choice.get("finish_reason") for choice in self.payload.get("choices", ())]


@dataclass(frozen=True)
class TokenCount(Result):
    """The number of tokens of a conversation, which generated none itself."""

    tokens: int


@dataclass(frozen=True)
class ResponsesResult(Result):
    """A response of the Responses API; `finish_reason` is the one that a chat completion would have."""

    payload: dict[str, Any]
    finish_reason: str

    @property
    def finish_reasons(self) -> Sequence[str | None]:
        return (self.finish_reason,)


def likeliest(scores: Mapping[str, float]) -> str:
    """Return the label with the highest score."""
    return max(scores, key=scores.__getitem__)


@dataclass(frozen=True)
class RatedSpan:
    """A part of a text from `start` to `end`, in code points, and the probability of each of SENTIMENTS."""

    start: int
    end: int
    scores: Mapping[str, float]


@dataclass(frozen=True)
class RatedAspect:
    """The opinion of a text on an aspect: the parts about it, and the words of opinion in them, (start, end) each.

    `scores` is None if the text does not name the aspect.
    """

    aspect: str
    scores: Mapping[str, float] | None = None
    mentions: Sequence[tuple[int, int]] = ()
    opinions: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Sentiment(Result):
    """The probability of each of SENTIMENTS. `truncated` if the model read a part of the text only.

    `mixed` is how sure it is that the text both praises and blames clearly, None if it does not.
    """

    scores: Mapping[str, float]
    truncated: bool = False
    mixed: float | None = None
    sentences: Sequence[RatedSpan] = ()
    aspects: Sequence[RatedAspect] = ()

    @property
    def label(self) -> str:
        """The most likely sentiment; `mixed` if the text both praises and blames."""
        return likeliest(self.scores) if self.mixed is None else MIXED


@dataclass(frozen=True)
class Summary(Result):
    """The summary of a text; with the style BULLETS its lines are `items`.

    `chunks` is the number of parts that the model read one by one. `characters` is the length of the beginning that it
    has read, None if it has read all of the text.
    """

    text: str
    style: str
    items: Sequence[str] = ()
    chunks: int = 1
    characters: int | None = None


@dataclass(frozen=True)
class Ranking(Result):
    """The relevance of each text to the query, in the order of the texts. `truncated` as for Summary."""

    scores: Sequence[float]
    truncated: bool = False


@dataclass(frozen=True)
class Vectors(Result):
    """The vector of each text, in the order of the texts."""

    vectors: Sequence[list[float]]


@dataclass(frozen=True)
class Classification(Result):
    """The labels of a text with their scores, the highest first. `truncated` as for Summary."""

    labels: Sequence[tuple[str, float]]
    truncated: bool = False


@dataclass(frozen=True)
class Classifications(Result):
    """The labels of several texts."""

    results: Sequence[Classification]


@dataclass(frozen=True)
class Validation:
    """Whether a model can be used, why not, and its tasks and providers if known."""

    valid: bool
    reason: str | None = None
    tasks: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
