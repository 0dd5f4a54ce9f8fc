"""The calls of OpenAI-compatible servers, which the operations of the backends are made of."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Backend, Plan, UpstreamRequest, UpstreamResponse
from app.backends.openai_bodies import count_choices, streaming_body, with_model
from app.backends.optional_routes import OptionalRoutes
from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder, MakeDecoder, ResponseKind
from app.backends.responses.normalize import require_success
from app.backends.responses.parse import parse_completion, parse_generation
from app.backends.types import Generation, OpenAIRequest, OpenAIResult
from app.config import Config
from app.config.secret import Secret

# chat completions of newer models have another name for it
RENAMED_IN_CHAT = ("max_tokens",)


class OpenAICalls(Backend):
    """A backend that speaks OpenAI's dialect: its server, models, and calls of generating routes."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._base_url = config.openai_base_url or ""
        self._headers = bearer(config.openai_api_key)
        self._default_model = config.openai_default_model
        self._optional_routes = OptionalRoutes()

    @property
    def models(self) -> tuple[str, ...]:
        named = (
            self._default_model,
            self._sentiment_model,
            self._summarization_model,
            self._moderation_model,
            self._rerank_model,
            self._translation_model,
        )
        return tuple(model for model in named if model)

    def default_model(self, operation: str) -> str | None:
        if operation == "moderations":  # a chat model rates nothing
            return self._moderation_model
        task_models = {
            "sentiment": self._sentiment_model,
            "predict": self._sentiment_model,
            "vllm_classify": self._sentiment_model,
            "summarize": self._summarization_model,
            "rerank": self._rerank_model,
            "translate": self._translation_model,
        }
        return task_models.get(operation) or self._default_model

    def _resolve_model(self, model: str | None) -> str | None:
        """Return the model to send; None leaves the choice to the server."""
        return model or self._default_model

    def _chat(
        self,
        messages: list[dict[str, str]],
        body: dict[str, Any],
        model: str | None,
        added: Mapping[str, Any] | None = None,
        *,
        stream: bool = False,
    ) -> Plan[Generation]:
        """Chat; without `added` the service chose all parameters by itself."""
        prompt = "\n".join(message["content"] for message in messages)
        added = dict.fromkeys(body) if added is None else added
        return self._generate("chat/completions", {"messages": messages, **body}, prompt, model, added, stream=stream)

    def _generate(
        self,
        route: str,
        body: dict[str, Any],
        prompt: str,
        model: str | None,
        added: Mapping[str, Any] | None = None,
        *,
        stream: bool = False,
    ) -> Plan[Generation]:
        body = with_model(model, body)
        if stream:
            call = self._stream(route, partial(ChunkDecoder, CHAT, model, prompt), body)
        else:
            call = self._call(route, partial(parse_generation, model=model, prompt=prompt), body)
        if added:
            call.added = {**call.added, **added}
        return (yield call)

    def _passthrough(
        self, route: str, kind: ResponseKind, request: OpenAIRequest, model: str | None
    ) -> Plan[OpenAIResult]:
        """Send the client's body unchanged except for the model."""
        body, expected = with_model(model, request.body), count_choices(request.body)
        if request.stream:
            make_decoder = partial(ChunkDecoder, kind, model, request.prompt, expected_choices=expected)
            call = self._stream(route, make_decoder, body)
        else:
            parse = partial(parse_completion, kind=kind, model=model, prompt=request.prompt, expected_choices=expected)
            call = self._call(route, parse, body)
        limits = RENAMED_IN_CHAT if request.limit_added and route == "chat/completions" else ()
        if may_drop := (*limits, *request.may_drop):
            call.added = {**call.added, **dict.fromkeys(may_drop)}
        return (yield call)

    def _stream(self, route: str, make_decoder: MakeDecoder, body: dict[str, Any]) -> UpstreamRequest[Any]:
        """Return a call whose response is decoded chunk by chunk."""
        options = body.get("stream_options")
        added = {} if options and options.get("include_usage") else {"stream_options": options}
        call = self._call(route, require_success, streaming_body(body))
        return replace(call, make_decoder=make_decoder, added=added)

    def _call(
        self, route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any] | None = None
    ) -> UpstreamRequest[Any]:
        deterministic = body is None or body.get("temperature") == 0 or "seed" in body
        url = f"{self._base_url}/{route}"
        model = body.get("model") if body else None
        return UpstreamRequest(
            self.name, route, url, parse, body, self._headers, deterministic=deterministic, model=model
        )

    def _root_call(
        self, route: str, parse: Callable[[UpstreamResponse], Any], body: dict[str, Any]
    ) -> UpstreamRequest[Any]:
        """Return the call of a route beside /v1; no text is generated there, so equal calls get equal responses."""
        url = f"{self._base_url.removesuffix('/v1')}/{route}"
        model = body.get("model")
        return UpstreamRequest(self.name, route, url, parse, body, self._headers, deterministic=True, model=model)


def bearer(key: Secret | None) -> Mapping[str, str]:
    """Return the Authorization header of a key, if there is one."""
    return {"Authorization": f"Bearer {key.reveal()}"} if key else {}
