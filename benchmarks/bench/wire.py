"""Requests and responses, the same for every gateway."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PROMPT = (
    "You stand on a cliff at night and see a light that turns far out over the sea. Explain in two or three plain "
    "sentences what a lighthouse is, what it is for, and why its light turns."
)
TEXT = (
    "A lighthouse is a tower with a strong light on top, built where the coast is dangerous. It warns ships of rocks "
    "and shoals and tells them where they are. The light turns so that each lighthouse has a rhythm of its own."
)
REVIEW = "The screen is gorgeous and the battery lasts for days."
EVENTS, PACE = 10, 0.02
TICKS = "".join(f"tick{number} " for number in range(EVENTS))
SLOW = 0.06
USAGE = {"prompt_tokens": 41, "completion_tokens": 49, "total_tokens": 90}


@dataclass(frozen=True)
class Request:
    """A request of the load, and its correct response: `times` times `mark` in the body, and `text` as its text.

    `cache` is the expected value of X-AI-Cache, if the response has this header.
    """

    path: str
    body: Mapping[str, Any]
    mark: str
    times: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cache: str = "bypass"

    @property
    def content(self) -> bytes:
        """The encoded body."""
        return json.dumps(self.body).encode()

    @property
    def all_headers(self) -> dict[str, str]:
        """All headers except Host and Content-Length."""
        return {"Content-Type": "application/json", **self.headers}

    @property
    def raw(self) -> bytes:
        """The bytes of the complete request."""
        lines = [f"POST {self.path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.all_headers.items()]
        return "\r\n".join([*lines, f"Content-Length: {len(self.content)}", "\r\n"]).encode() + self.content


def chat(kind: str, path: str, model: str | None, headers: Mapping[str, str] | None = None) -> Request:
    """Return a request for a chat completion: `plain`, `slow` (60 ms) or `stream`."""
    messages = [{"role": "user", "content": PROMPT}]
    body: dict[str, Any] = {"messages": messages, "max_tokens": 100, "temperature": 0.7}
    if model:
        body["model"] = model
    if kind == "stream":
        return Request(path, body | {"stream": True}, "tick", EVENTS, TICKS, headers or {})
    return Request(path, body, "strong light", 1, TEXT, headers or {})


def completion(text: str) -> str:
    """Return a response of the upstream."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    top = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "plain"}
    return json.dumps({**top, "choices": [choice], "usage": USAGE})


def chunk(delta: Mapping[str, str], reason: str | None = None) -> str:
    """Return an event of the upstream's stream."""
    top = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "plain"}
    return json.dumps({**top, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
