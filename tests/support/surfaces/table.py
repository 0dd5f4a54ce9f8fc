"""The table of surfaces: every route that runs an operation, with a request and the way to read its responses."""

import json
from dataclasses import dataclass, field
from typing import Any

from support.surfaces.dialect import Dialect, Json
from support.surfaces.openai import Native, OpenAI
from support.upstreams import CHAT, chat_response

# also the name of a sentiment
TEXT = "positive"
PROMPT = "Say hi to everybody."
PROMPT_TOKENS = 6
MESSAGES = [{"role": "user", "content": PROMPT}]
# of every request, so that all reserve the same number of tokens
LIMIT = 8
V1 = "http://llm.test:8000/v1"
EMBEDDING = {"data": [{"index": 0, "embedding": [0.5]}], "model": "x", "usage": {"prompt_tokens": 4, "total_tokens": 4}}


class Task(Dialect):
    """A route of the service for a task; the text is the response."""

    def text(self, body: Any) -> str:
        return json.dumps(body)

    def error(self, body: Any) -> str:
        return Native().error(body)


class OpenAITask(OpenAI):
    """A route of OpenAI's that is no conversation; the text is the response."""

    def check(self, body: Any) -> None:
        pass

    def text(self, body: Any) -> str:
        return json.dumps(body)


@dataclass(frozen=True, eq=False)
class Surface:
    """A route: a request, and the upstream's route and response for it.

    `greedy` holds the fields that make the response deterministic, and `streamed` those that ask for a stream; it is
    None if the route has no streams. `stream_route` is another route for streams. `upstream` is None if the service
    responds without a call; it may lack an `optional` one. A route that `needs_text` refuses an empty object.
    `operation` is the name in metrics and permissions, and `task` that of the operation that it runs in another form.
    """

    name: str
    route: str
    body: Json
    dialect: Dialect
    operation: str
    task: str = ""
    greedy: Json = field(default_factory=lambda: {"temperature": 0})
    streamed: Json | None = field(default_factory=lambda: {"stream": True})
    stream_route: str = ""
    rule: str = ""
    has_tools: bool = True
    optional: bool = False
    needs_text: bool = True
    upstream: str | None = CHAT
    response: Json = field(default_factory=lambda: chat_response(TEXT))

    def __str__(self) -> str:
        return self.name

    def request(self, *, streamed: bool = False) -> tuple[str, Json]:
        """Return the route and the body of a request."""
        if not streamed:
            return self.route, self.body
        assert self.streamed is not None
        return self.stream_route or self.route, {**self.body, **self.streamed}


CONVERSATIONS = (
    Surface("chat", "/v1/chat/completions", {"messages": MESSAGES, "max_tokens": LIMIT}, OpenAI(), "chat"),
    Surface(
        "generate", "/v1/text/generate", {"prompt": PROMPT, "max_tokens": LIMIT}, Native(), "generate", has_tools=False
    ),
)
TASKS = (
    Surface("sentiment", "/v1/text/sentiment", {"text": PROMPT}, Task(), "sentiment", greedy={}, streamed=None),
    Surface("summarize", "/v1/text/summarize", {"text": PROMPT}, Task(), "summarize", greedy={}, streamed=None),
    Surface(
        "embeddings",
        "/v1/embeddings",
        {"input": PROMPT},
        OpenAITask(),
        "embeddings",
        greedy={},
        streamed=None,
        upstream=f"{V1}/embeddings",
        response=EMBEDDING,
    ),
)
SURFACES = (*CONVERSATIONS, *TASKS)
CALLING = tuple(surface for surface in SURFACES if surface.upstream)

# the APIs of the table of faults
APIS: dict[str, Dialect] = {"text": Native(), "OpenAI": OpenAI()}
