"""Chunks of OpenAI's API, and the kinds of responses that they are parts of."""

import time
from dataclasses import dataclass
from typing import Any

import orjson

from app.ids import new_id


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


def first_common_fields(kind: ResponseKind, chunk_id: Any, created: Any, model: str) -> list[Any]:
    """Return id, time, object and model of all chunks: the first chunk's, replaced if they are not OpenAI's form."""
    return [
        chunk_id if isinstance(chunk_id, str) and chunk_id else f"{kind.id_prefix}{new_id()}",
        created if isinstance(created, int) and created else int(time.time()),
        kind.chunk_object,
        model,
    ]
