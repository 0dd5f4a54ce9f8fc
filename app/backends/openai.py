"""The backend for any OpenAI-compatible server: TGI, vLLM, llama.cpp, Ollama, Inference Endpoints of Hugging Face."""

from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.openai_bodies import as_chat, request_parameters, with_model
from app.backends.openai_calls import RENAMED_IN_CHAT
from app.backends.openai_text import OpenAIText
from app.backends.pipeline_types import PipelineRequest, PipelineResult
from app.backends.response_format import openai_response_format
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT, TEXT
from app.backends.responses.model_names import parse_models
from app.backends.responses.normalize import require_success
from app.backends.tasks import prompts
from app.backends.tasks.pipelines import run_by_operations
from app.backends.tasks.prompt_lists import complete_each
from app.backends.types import (
    Generation,
    OpenAIRequest,
    OpenAIResult,
    TextRequest,
    Validation,
)
from app.errors import ModelNotFound, NotSupported

PROBE_SECONDS = 3.0


class OpenAIBackend(OpenAIText):
    """Calls the chat completions, completions, embeddings and models routes of OpenAI's API."""

    name = "openai"

    def generate(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "user", "content": request.prompt}]
        return self._chat_about(messages, request, self._resolve_model(model))

    def complete(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        """Use the completions route; if the server lacks it, ask a chat model to continue."""
        model = self._resolve_model(model)
        body = {"prompt": request.prompt, **request_parameters(request)}
        try:
            added = {name: None for name in request.defaulted if name not in RENAMED_IN_CHAT}
            return (yield from self._generate("completions", body, request.prompt, model, added, stream=request.stream))
        except (ModelNotFound, NotSupported):
            return (yield from self._continue(request, model))

    def chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        request = replace(request, body=openai_response_format(request.body))
        return self._passthrough("chat/completions", CHAT, request, self._resolve_model(model))

    def completions(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        """Use the completions route; if the server lacks it, ask a chat model to continue."""
        model = self._resolve_model(model)
        try:
            return (yield from self._passthrough("completions", TEXT, request, model))
        except (ModelNotFound, NotSupported):
            return (yield from self._complete_by_chat(request, model))

    def embeddings(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        model = self._resolve_model(model)
        body = with_model(model, request.body)
        encoding = body.pop("encoding_format", None) or "float"
        count = embeddings.count_inputs(body["input"])
        parse = partial(embeddings.parse_openai, count=count, model=model, prompt=request.prompt, encoding=encoding)
        call = self._call("embeddings", parse, body)
        return (yield replace(call, deterministic=True, max_response_bytes=embeddings.MAX_VECTORS_BYTES))

    def list_models(self) -> Plan[list[dict[str, Any]]]:
        try:
            return (yield self._call("models", parse_models))
        except ModelNotFound:
            return []

    def pipeline(self, request: PipelineRequest, model: str | None) -> Plan[PipelineResult]:
        """Use the operations, since OpenAI's API has no pipelines."""
        return run_by_operations(self, request, model)

    def validate(self, model: str) -> Plan[Validation]:
        """Look the model up in the server's list."""
        try:
            listed = yield self._call("models", partial(_lists_model, model=model))
        except ModelNotFound as error:
            raise NotSupported("This server has no list of its models; try the model instead.") from error
        return Validation(True) if listed else Validation(False, "The server does not list this model.")

    def probe(self) -> Plan[None]:
        yield UpstreamRequest(
            self.name,
            "models",
            f"{self._base_url}/models",
            require_success,
            None,
            self._headers,
            PROBE_SECONDS,
            retryable=False,
        )

    def _complete_by_chat(self, request: OpenAIRequest, model: str | None) -> Plan[OpenAIResult]:
        def complete(one: OpenAIRequest) -> Plan[OpenAIResult]:
            return self._passthrough("chat/completions", TEXT, as_chat(one), model)

        return complete_each(request, complete)

    def _continue(self, request: TextRequest, model: str | None) -> Plan[Generation]:
        messages = [{"role": "system", "content": prompts.CONTINUE}, {"role": "user", "content": request.prompt}]
        return self._chat_about(messages, request, model)

    def _chat_about(self, messages: list[dict[str, str]], request: TextRequest, model: str | None) -> Plan[Generation]:
        """Chat with the parameters of a text request; the server may have another name for its `max_tokens`."""
        added = dict.fromkeys((*RENAMED_IN_CHAT, *request.defaulted))
        return self._chat(messages, request_parameters(request), model, added, stream=request.stream)


def _lists_model(response: UpstreamResponse, model: str) -> bool:
    return any(entry["id"] == model for entry in parse_models(response))
