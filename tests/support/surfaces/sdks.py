"""A conversation with each API's own SDK, complete or streamed; every SDK makes one attempt."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import ollama
from anthropic import Anthropic, AnthropicError
from anthropic import APIStatusError as AnthropicStatusError
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, TextGenerationError
from openai import APIError, APIStatusError, OpenAI
from support.surfaces.table import LIMIT, MESSAGES, PROMPT

KEY = "x"


@dataclass(frozen=True)
class Sdk:
    """An SDK: how it asks a service at an address, its exception for a status, and that for a broken stream.

    `ask` returns the text; its second argument says whether to stream. `status` returns that of an exception.
    """

    name: str
    ask: Callable[[str, bool], str]
    refused: type[Exception] | tuple[type[Exception], ...]
    broken: type[Exception]
    status: Callable[[Any], int] = lambda error: int(error.status_code)

    def __str__(self) -> str:
        return self.name


def _openai(url: str) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)


def _chat(url: str, streamed: bool) -> str:
    with _openai(url) as client:
        options: dict[str, Any] = {"model": "default", "messages": MESSAGES, "max_tokens": LIMIT}
        if not streamed:
            return client.chat.completions.create(**options).choices[0].message.content or ""
        chunks = client.chat.completions.create(stream=True, **options)
        return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def _responses(url: str, streamed: bool) -> str:
    with _openai(url) as client:
        options: dict[str, Any] = {"model": "default", "input": PROMPT, "max_output_tokens": LIMIT}
        if not streamed:
            return client.responses.create(**options).output_text
        with client.responses.stream(**options) as stream:
            return stream.get_final_response().output_text


def _messages(url: str, streamed: bool) -> str:
    with Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        options: dict[str, Any] = {"model": "default", "messages": MESSAGES, "max_tokens": LIMIT}
        if not streamed:
            return "".join(block.text for block in client.messages.create(**options).content if block.type == "text")
        with client.messages.stream(**options) as stream:
            return stream.get_final_text()


def _ollama_chat(url: str, streamed: bool) -> str:
    with closing(ollama.Client(url)) as client:
        answer = client.chat("default", MESSAGES, stream=streamed, options={"num_predict": LIMIT})
        return "".join(part.message.content or "" for part in (answer if streamed else [answer]))


def _ollama_generate(url: str, streamed: bool) -> str:
    with closing(ollama.Client(url)) as client:
        answer = client.generate("default", PROMPT, stream=streamed, options={"num_predict": LIMIT})
        return "".join(part.response for part in (answer if streamed else [answer]))


def _text_generation(url: str, streamed: bool) -> str:
    with InferenceClient(model=url, token=KEY) as client:
        return "".join(client.text_generation(PROMPT, stream=streamed, max_new_tokens=LIMIT))


def _huggingface_status(error: Any) -> int:
    return int((error if isinstance(error, HfHubHTTPError) else error.__cause__).response.status_code)


CHAT_SDK = Sdk("openai chat.completions", _chat, APIStatusError, APIError)
RESPONSES_SDK = Sdk("openai responses", _responses, APIStatusError, APIError)
MESSAGES_SDK = Sdk("anthropic messages", _messages, AnthropicStatusError, AnthropicError)
OLLAMA_SDKS = (
    Sdk("ollama chat", _ollama_chat, ollama.ResponseError, ollama.ResponseError),
    Sdk("ollama generate", _ollama_generate, ollama.ResponseError, ollama.ResponseError),
)
TEXT_GENERATION_SDK = Sdk(
    "huggingface_hub text_generation",
    _text_generation,
    (HfHubHTTPError, TextGenerationError),
    TextGenerationError,
    _huggingface_status,
)
SDKS = (CHAT_SDK, TEXT_GENERATION_SDK, RESPONSES_SDK, MESSAGES_SDK, *OLLAMA_SDKS)
