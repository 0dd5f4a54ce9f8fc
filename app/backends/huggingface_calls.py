"""The calls of Hugging Face's pipelines and of dedicated endpoints, which its operations are made of."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.join import Join, split_list
from app.backends.openai import OpenAIBackend
from app.backends.openai_calls import bearer
from app.backends.responses import embeddings
from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.backends.responses.parse import parse_generation
from app.backends.tasks.tgi import tgi_parameters
from app.backends.types import Generation, OpenAIResult, TextRequest
from app.config import Config

DEDICATED_SUFFIX = ".endpoints.huggingface.cloud"
_INPUTS = Join("inputs", split_list)


class HuggingFaceCalls(OpenAIBackend):
    """A backend at the router's address, or at that of a dedicated endpoint, which is one server."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._root_url = config.huggingface_base_url
        self._base_url = f"{self._root_url}/v1"
        self._headers = bearer(config.huggingface_api_key)
        self._dedicated = self._is_server = (urlsplit(self._root_url).hostname or "").endswith(DEDICATED_SUFFIX)

    def _text_generation(self, request: TextRequest, model: str) -> Plan[Generation]:
        options = {"parameters": tgi_parameters(request)}
        parse = partial(parse_generation, model=model, prompt=request.prompt)
        call = self._pipeline(model, "text-generation", options, parse, request.prompt)
        if self._dedicated:
            call = replace(call, url=f"{self._root_url}/")
        if request.stream:
            make_decoder = partial(ChunkDecoder, CHAT, model, request.prompt)
            return (yield replace(call, body={**(call.body or {}), "stream": True}, make_decoder=make_decoder))
        return (yield replace(call, deterministic=request.deterministic))

    def _feature_extraction(
        self, model: str, options: dict[str, Any], parse: Callable[[UpstreamResponse], OpenAIResult], inputs: list[str]
    ) -> UpstreamRequest[OpenAIResult]:
        call = self._pipeline(model, "feature-extraction", options, parse, inputs)
        url = f"{call.url}/pipeline/feature-extraction"
        return replace(call, url=url, max_response_bytes=embeddings.MAX_VECTORS_BYTES)

    def _pipeline(
        self,
        model: str,
        task: str,
        options: dict[str, Any],
        parse: Callable[[UpstreamResponse], Any],
        inputs: str | list[str] | dict[str, Any],
    ) -> UpstreamRequest[Any]:
        """Return the call of an hf-inference pipeline; a provider after the model's colon is not part of the path."""
        url = f"{self._root_url}/hf-inference/models/{quote(model.partition(':')[0])}"
        body = {"inputs": inputs, **options}
        return UpstreamRequest(self.name, task, url, parse, body, self._headers, deterministic=True, model=model)

    def _listed_pipeline(
        self,
        model: str,
        task: str,
        options: dict[str, Any],
        parse: Callable[[UpstreamResponse], Any],
        inputs: str | dict[str, Any],
    ) -> UpstreamRequest[Any]:
        """Return the call of a pipeline that answers a list of inputs with a list."""
        return replace(self._pipeline(model, task, options, parse, inputs), join=_INPUTS)
