"""The backend for the embedded engine: llama.cpp on a loopback port, with one small model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from app.backends.base import Backend, Plan, UpstreamRequest, UpstreamResponse
from app.backends.embedded_text import EmbeddedText
from app.backends.encoder.embeddings import embed
from app.backends.engine import fields
from app.backends.engine.control_tokens import ControlTokens
from app.backends.engine.decoder import Choices, Echo, EngineDecoder
from app.backends.engine.errors import parse_engine
from app.backends.engine.properties import context_tokens, supports_tools
from app.backends.engine.scoring import echoed
from app.backends.engine.tokens import ROOT_ROUTES, tokens
from app.backends.openai import PROBE_SECONDS, OpenAIBackend
from app.backends.openai_bodies import count_choices, streaming_body
from app.backends.response_format import openai_response_format
from app.backends.responses.chunk_decoder import CHAT, TEXT, ResponseKind
from app.backends.responses.normalize import require_success
from app.backends.responses.parse import parse_choices
from app.backends.responses.token_count import parse_input_tokens, token_count
from app.backends.responses.tokens import parse_text
from app.backends.responses_route import TRANSLATE, ResponsesRoute
from app.backends.tokenization import Detokenization, Tokenization, TokenizeRequest, detokenization, tokenization
from app.backends.types import (
    OpenAIRequest,
    OpenAIResult,
    Ranking,
    RerankRequest,
    TokenCount,
    Validation,
)
from app.config import Config
from app.config.encoder_models import EMBEDDING_MODELS, MULTILINGUAL, embedding_model
from app.config.gguf import control_tokens
from app.config.hf_tasks import FEATURE_EXTRACTION, SENTENCE_SIMILARITY, TEXT_GENERATION
from app.config.model_file import model_file
from app.errors import (
    ModelLoading,
    ModelNotFound,
    UpstreamInvalidResponse,
    UpstreamRejected,
    UpstreamUnavailable,
)

T = TypeVar("T")

# the engine loads its model in about a second
RESTART_SECONDS = 1.0
# llama.cpp takes seeds of 32 bits
SEEDS = 2**32
_VECTOR_OPERATIONS = ("embeddings", "rerank", "similarity")
# the requests that the engine runs at a time (app/embedded/engine.py)
SLOTS = 4
# fields of a request that hold callers' text
_TEXTS = ("prompt", "messages", "tools")


class EmbeddedBackend(EmbeddedText):
    """An OpenAI-compatible server that the service itself runs, with one model."""

    name = "embedded"
    shared_by_replicas = False
    max_fan_out = SLOTS // 2  # the other slots are for single calls
    _is_server = False  # llama.cpp has neither moderations nor classifications

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._root_url = f"http://127.0.0.1:{config.embedded_port or 0}"
        self._base_url = f"{self._root_url}/v1"
        # after a streamed response llama.cpp closes keep-alive connections, sometimes during the next call
        self._headers = {"Connection": "close"}
        self._responses_route = ResponsesRoute(TRANSLATE, 0)  # the engine's ignores `tool_choice` and `text.format`
        file = model_file(config.embedded_model_path)
        self._control_tokens = ControlTokens(lambda: control_tokens(file) if file else ())
        # the supervisor restarts the engine in about a second; a breaker open for longer would prolong the outage
        self.recovery = min(RESTART_SECONDS, config.breaker_recovery)

    @property
    def models(self) -> tuple[str, ...]:
        return (self._model, *(EMBEDDING_MODELS if self._encoder.runs else ()))

    def default_model(self, operation: str) -> str | None:
        """Return the model of the engine, or for operations on vectors that of the encoder."""
        if operation in _VECTOR_OPERATIONS and self._encoder.runs:
            return (self._rerank_model if operation == "rerank" else None) or MULTILINGUAL
        return self._model

    def canonical_model(self, model: str) -> str:
        return self._model if self._serves(model) else embedding_model(model) or model

    def wrap_plan(self, plan: Plan[T]) -> Plan[T]:
        """Map failures of the engine to ModelLoading, for all operations: the supervisor is restarting it."""
        try:
            return (yield from plan)
        except (UpstreamUnavailable, UpstreamInvalidResponse) as error:
            raise ModelLoading(retry_after=RESTART_SECONDS) from error

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Send the known fields; raise UpstreamRejected for tools if the model's chat template has none."""
        model = self._resolve_model(model)
        if request.body.get("functions") and request.body.get("function_call") != "none":
            raise UpstreamRejected("The embedded engine does not take functions, the older form of tools; use tools.")
        body = yield from self._conversation(openai_response_format(request.body), fields.CHAT)
        choices = Choices(body.get("n", 1))
        return (yield from self._choices("chat/completions", CHAT, replace(request, body=body), model, choices))

    def count_tokens(self, request: OpenAIRequest, model: str | None) -> Plan[TokenCount]:
        """Let the engine apply its chat template and count."""
        model = self._resolve_model(model)
        body = fields.engine_fields(request.body, fields.CHAT)
        body["messages"] = fields.part_messages(body["messages"])
        tokens = yield self._call("chat/completions/input_tokens", parse_input_tokens, {"model": model, **body})
        return token_count(tokens, model)

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Send the known fields; the prompts to echo come from the service, since the engine knows no `echo`."""
        model = self._resolve_model(model)
        fields.require_supported(request.body)
        body = fields.engine_fields(request.body, fields.COMPLETIONS)
        prompts, n = fields.prompts(body["prompt"]), body.get("n", 1)
        if len(prompts) * n > fields.MAX_CHOICES:
            raise UpstreamRejected(details={"reason": f"At most {fields.MAX_CHOICES} choices are possible at once."})
        echoes: tuple[Echo, ...] = ()
        if body.pop("echo", False):
            context = self._get("props", context_tokens)
            body["prompt"], echoes = yield from echoed(prompts, body.get("logprobs"), self._call, context)
        choices = Choices(n, echoes, without_text=body.get("max_tokens") == 0)
        return (yield from self._choices("completions", TEXT, replace(request, body=body), model, choices))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Let the encoder make them: the mean of a causal model's states is no useful embedding."""
        return embed(self._encoder, self._batches, request, self._embedding_model(model))

    def rerank(self, request: RerankRequest, model: str | None) -> Plan[Ranking]:
        """Compare embeddings: llama.cpp's own route needs a model that ranks."""
        return self.similarity(request, model or self._rerank_model)

    # llama.cpp has no route for classifiers
    predict = OpenAIBackend.predict_by_sentiment

    def tokenize(self, request: TokenizeRequest, model: str | None) -> Plan[Tokenization]:
        """Read control tokens in texts as text, and those of a conversation as chat does."""
        model = self._resolve_model(model)
        given = request.conversation
        conversation = (yield from self._conversation(given, fields.TEMPLATE)) if given else None
        context = yield self._get("props", context_tokens)
        return tokenization((yield from tokens(request, conversation, self._call)), context, model)

    def detokenize(self, tokens: Sequence[int], model: str | None) -> Plan[Detokenization]:
        model = self._resolve_model(model)
        return detokenization((yield self._call("detokenize", parse_text, {"tokens": tokens})), model)

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        """Return an empty list: the settings name the engine's only model."""
        return Backend.list_models(self)

    def validate(self, model: str) -> Plan[Validation]:
        """Compare the name with those of the engine and the encoder; no call is needed."""
        yield from ()
        if self._encoder.runs and embedding_model(model):
            return Validation(True, tasks=(FEATURE_EXTRACTION, SENTENCE_SIMILARITY))
        try:
            self._resolve_model(model)
        except ModelNotFound as error:
            return Validation(False, error.message)
        return Validation(True, tasks=(TEXT_GENERATION,))

    def helpers(self) -> Mapping[str, Callable[[], Plan[None]]]:
        """Return the probe of the encoder, which has a process of its own."""
        return {"encoder": partial(self._probe, self._encoder.root_url)} if self._encoder.runs else {}

    def probe(self) -> Plan[None]:
        return self._probe(self._root_url)

    def _probe(self, url: str) -> Plan[None]:
        parse = partial(parse_engine, require_success)
        yield UpstreamRequest(self.name, "health", f"{url}/health", parse, None, {}, PROBE_SECONDS, retryable=False)

    def _conversation(self, body: Mapping[str, Any], checks: Mapping[str, fields.Check]) -> Plan[dict[str, Any]]:
        """Return the fields that have a check; raise UpstreamRejected for tools that the chat template cannot have."""
        conversation = fields.engine_fields(body, checks)
        conversation["messages"] = fields.part_messages(conversation["messages"])
        wants_tools = conversation.get("tools") and conversation.get("tool_choice") != "none"
        if wants_tools and not (yield self._get("props", supports_tools)):
            raise UpstreamRejected("The chat template of this model has no tools; use another model, or no tools.")
        return conversation

    def _choices(
        self, route: str, kind: ResponseKind, request: OpenAIRequest, model: str, choices: Choices
    ) -> Plan[OpenAIResult]:
        """Send the body with the model and return its choices, as a stream if the request asks for one."""
        body = {"model": model, **request.body}
        expected = count_choices(body)
        make_decoder = partial(EngineDecoder, kind, model, request.prompt, choices=choices, expected_choices=expected)
        if request.stream:
            return (yield self._stream(route, make_decoder, body))
        return (yield self._call(route, partial(parse_choices, make_decoder=make_decoder, kind=kind), body))

    def _get(self, route: str, parse: Callable[[UpstreamResponse], T]) -> UpstreamRequest[T]:
        url = f"{self._root_url}/{route}"
        return UpstreamRequest(self.name, route, url, partial(parse_engine, parse), None, self._headers)

    def _call(
        self, route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any] | None = None
    ) -> UpstreamRequest[Any]:
        """Make the control tokens of texts harmless, and stream every completion.

        After a disconnect llama.cpp frees the slot of a streamed call only.
        """
        body = body or {}
        texts = {name: self._control_tokens.neutralize_all(body[name]) for name in _TEXTS if name in body}
        parsed = partial(parse_engine, parse)
        if route in ROOT_ROUTES:
            url = f"{self._root_url}/{route}"
            return UpstreamRequest(self.name, route, url, parsed, {**body, **texts}, self._headers)
        seed = {"seed": body["seed"] % SEEDS} if "seed" in body else {}
        call = super()._call(route, parsed, {**streaming_body(body), **texts, **seed})
        # a response takes as long as its client asks for; the supervisor ends an engine that hangs
        return replace(call, timeout_is_failure=False)
