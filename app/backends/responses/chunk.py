"""Chunks of OpenAI's API, and the kinds of responses that they are parts of."""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class ResponseKind:
    """The `object` values and the id prefix of a route's responses."""

    object: str
    chunk_object: str
    id_prefix: str


CHAT = ResponseKind("chat.completion", "chat.completion.chunk", "chatcmpl-")
TEXT = ResponseKind("text_completion", "text_completion", "cmpl-")


@dataclass(slots=True)
class Chunk:
    """A chunk as clients see it; `raw` is the upstream's event if nothing in it had to change."""

    payload: dict[str, Any]
    raw: bytes | None = None

    @property
    def data(self) -> bytes:
        """The chunk as JSON."""
        return self.raw or orjson.dumps(self.payload)

    @property
    def text(self) -> str:
        """The text that this chunk adds to the first choice."""
        parts = [choice.get("delta", choice) for choice in self.payload["choices"] if not choice["index"]]
        return "".join(part.get("content") or part.get("text") or "" for part in parts)
