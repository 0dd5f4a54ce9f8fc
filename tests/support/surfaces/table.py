"""The table of surfaces: every route that runs an operation, with a request and the way to read its responses."""

import json
from dataclasses import dataclass, field
from typing import Any

from support.surfaces.anthropic import CountTokens, Messages
from support.surfaces.cohere import Rerank
from support.surfaces.dialect import Dialect, Json
from support.surfaces.huggingface import TextGeneration
from support.surfaces.ollama import Ollama, OllamaEmbed
from support.surfaces.openai import Native, OpenAI, Responses
from support.surfaces.tei import Tei
from support.upstreams import CHAT, chat_response

# also the name of a sentiment
TEXT = "positive"
PROMPT = "Say hi to everybody."
PROMPT_TOKENS = 6
MESSAGES = [{"role": "user", "content": PROMPT}]
# an upstream may have the route of Responses itself; here it is asked for chat completions
SETTINGS = {"OPENAI_RESPONSES": "translate"}
# of every request, so that all reserve the same number of tokens
LIMIT = 8
V1 = "http://llm.test:8000/v1"
EMBEDDING = {"data": [{"index": 0, "embedding": [0.5]}], "model": "x", "usage": {"prompt_tokens": 4, "total_tokens": 4}}

DOCUMENTS = ["Bread is baked in an oven.", "A lighthouse warns ships off the rocks."]
RANKING = {
    "results": [{"index": 1, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.25}],
    "usage": {"prompt_tokens": 4, "total_tokens": 4},
}
TWO_EMBEDDINGS = {**EMBEDDING, "data": [{"index": index, "embedding": [0.5, 0.25]} for index in range(2)]}

COMPLETION = {
    "choices": [{"index": 0, "text": TEXT, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}


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
    response: Any = field(default_factory=lambda: chat_response(TEXT))

    def __str__(self) -> str:
        return self.name

    def request(self, *, streamed: bool = False) -> tuple[str, Json]:
        """Return the route and the body of a request."""
        if not streamed:
            return self.route, self.body
        assert self.streamed is not None
        return self.stream_route or self.route, {**self.body, **self.streamed}


def _ollama(name: str, body: Json, **options: Any) -> Surface:
    limit = {"num_predict": LIMIT}
    whole = {"model": "default", **body, "stream": False, "options": limit}
    greedy = {"options": {**limit, "temperature": 0}}
    options = {"greedy": greedy, "needs_text": False, **options}
    return Surface(f"/api/{name}", f"/api/{name}", whole, Ollama(), f"ollama_{name}", "chat", **options)


def _rerank(route: str, body: Json, dialect: Dialect) -> Surface:
    common: Json = {"greedy": {}, "streamed": None, "optional": True, "upstream": f"{V1}/rerank", "response": RANKING}
    return Surface(route, route, body, dialect, "rerank", **common)


def _text(operation: str, options: Json | None = None, task: str = "", **others: Any) -> Surface:
    route, body = f"/v1/text/{operation}", {"text": PROMPT, **(options or {})}
    return Surface(operation, route, body, Task(), operation, task, greedy={}, streamed=None, **others)


def _tei(route: str, body: Json, task: str, operation: str = "", **options: Any) -> Surface:
    name = operation or route
    return Surface(f"/{route}", f"/{route}", body, Tei(), name, task, greedy={}, streamed=None, **options)


CONVERSATIONS = (
    Surface("chat", "/v1/chat/completions", {"messages": MESSAGES, "max_tokens": LIMIT}, OpenAI(), "chat"),
    Surface(
        "generate", "/v1/text/generate", {"prompt": PROMPT, "max_tokens": LIMIT}, Native(), "generate", has_tools=False
    ),
    Surface(
        "messages",
        "/v1/messages",
        {"model": "default", "messages": MESSAGES, "max_tokens": LIMIT},
        Messages(),
        "messages",
        "chat",
    ),
    Surface(
        "responses",
        "/v1/responses",
        {"input": PROMPT, "max_output_tokens": LIMIT},
        Responses(),
        "responses",
        "chat",
    ),
    _ollama("chat", {"messages": MESSAGES}),
    _ollama("generate", {"prompt": PROMPT}, has_tools=False),
    Surface(
        "generate and generate_stream",
        "/generate",
        {"inputs": PROMPT, "parameters": {"max_new_tokens": LIMIT}},
        TextGeneration(),
        "tgi",
        "complete",
        greedy={"parameters": {"max_new_tokens": LIMIT, "seed": 7}},
        streamed={},
        stream_route="/generate_stream",
        has_tools=False,
        upstream=f"{V1}/completions",
        response=COMPLETION,
    ),
    *(
        Surface(
            f"text generation, {route}",
            route,
            {"inputs": PROMPT, "parameters": {"max_new_tokens": LIMIT}},
            TextGeneration(),
            "task",
            "complete",
            greedy={"parameters": {"max_new_tokens": LIMIT, "seed": 7}},
            has_tools=False,
            rule=rule,
            upstream=f"{V1}/completions",
            response=COMPLETION,
        )
        for route, rule in (
            ("/", "/"),
            ("/models/org/small", "/models/<path:model>"),
            ("/hf-inference/models/org/small", "/hf-inference/models/<path:model>"),
        )
    ),
)
TASKS = (
    _text("sentiment"),
    _text("classify", {"labels": [TEXT, "negative"]}),
    _text("language", upstream=None),
    _text("entities", response=chat_response('{"entities": []}')),
    _text("keywords", response=chat_response('{"keywords": ["everybody"]}')),
    _text("answer", {"question": "Who?"}, response=chat_response('{"answer": null}')),
    _text("similarity", {"candidates": [PROMPT]}, "embeddings", upstream=f"{V1}/embeddings", response=EMBEDDING),
    _text("pii", {"types": ["name"]}, response=chat_response('{"entities": []}')),
    _text("redact", {"types": ["name"]}, response=chat_response('{"entities": []}')),
    _text("restore", {"mapping": {"[EMAIL_1]": "ada@example.com"}}, upstream=None),
    _text("summarize"),
    _text("translate", {"target": "de"}),
    _text(
        "extract", {"schema": {"properties": {"a": {"type": "string"}}}}, response=chat_response('{"a": "everybody"}')
    ),
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
    Surface(
        "count_tokens",
        "/v1/messages/count_tokens",
        {"model": "default", "messages": MESSAGES},
        CountTokens(),
        "count_tokens",
        "chat",
        streamed=None,
        upstream=None,
    ),
    _rerank("/v1/rerank", {"query": PROMPT, "documents": DOCUMENTS}, Rerank()),
    _rerank("/v2/rerank", {"query": PROMPT, "documents": DOCUMENTS}, Rerank()),
    _rerank("/rerank", {"query": PROMPT, "texts": DOCUMENTS}, Tei()),
    _tei("embed", {"inputs": PROMPT}, "embeddings", upstream=f"{V1}/embeddings", response=EMBEDDING),
    _tei(
        "predict",
        {"inputs": PROMPT},
        "sentiment",
        optional=True,
        upstream="http://llm.test:8000/predict",
        response=[{"label": "positive", "score": 0.5}],
    ),
    _tei(
        "similarity",
        {"inputs": {"source_sentence": PROMPT, "sentences": DOCUMENTS[:1]}},
        "embeddings",
        "tei_similarity",
        upstream=f"{V1}/embeddings",
        response=TWO_EMBEDDINGS,
    ),
    Surface(
        "/api/embed",
        "/api/embed",
        {"model": "default", "input": PROMPT},
        OllamaEmbed(),
        "ollama_embed",
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
APIS: dict[str, Dialect] = {
    "Hugging Face": TextGeneration(),
    "this service's": Native(),
    "OpenAI's": OpenAI(),
    "Messages": Messages(),
    "Ollama's": Ollama(),
    "rerank": Rerank(),
    "TEI's": Tei(),
}
