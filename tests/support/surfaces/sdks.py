"""A conversation with each API's own SDK, complete or streamed; every SDK makes one attempt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openai import APIError, APIStatusError, OpenAI
from support.surfaces.table import LIMIT, MESSAGES

KEY = "x"


@dataclass(frozen=True)
class Sdk:
    """An SDK: how it asks a service at an address, its exception for a status, and that for a broken stream.

    `ask` returns the text; its second argument says whether to stream.
    """

    name: str
    ask: Callable[[str, bool], str]
    refused: type[Exception]
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


SDKS = (Sdk("openai, chat completions", _chat, APIStatusError, APIError),)
