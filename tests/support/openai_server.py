"""An OpenAI-compatible server on a real socket, whose model is the scripted one."""

import base64
import json
import struct
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.scripted_model import Json, count_tokens, message, text_of
from support.servers import Upstream, reply

ROUTES = ("/chat/completions", "/completions", "/embeddings", "/rerank")
MODELS = ("scripted", "scripted-large", "scripted-embeddings")
DIMENSIONS = 8
CREATED = 1_800_000_000


class OpenAIServer(Upstream):
    """Serves chat, completions, embeddings, rerank and the list of models."""

    def __init__(self) -> None:
        super().__init__()
        self.respond = respond


def respond(handler: BaseHTTPRequestHandler) -> None:
    """Respond to one request."""
    route = handler.path.partition("?")[0].removeprefix("/v1")
    if handler.command == "GET":
        reply(handler, {"object": "list", "data": [_model(name) for name in MODELS]})
        return
    request: Json = handler.asked
    if route not in ROUTES:
        reply(handler, {"detail": "Not Found"}, 404)
    elif request.get("model") not in MODELS:
        error = {"message": f"The model {request.get('model')!r} does not exist.", "type": "invalid_request_error"}
        reply(handler, {"error": {**error, "param": None, "code": "model_not_found"}}, 404)
    elif route == "/embeddings":
        reply(handler, _embeddings(request))
    elif route == "/rerank":
        reply(handler, _ranking(request))
    elif request.get("stream"):
        _send_events(handler, _chat_events(request) if route == "/chat/completions" else _text_events(request))
    else:
        reply(handler, _chat(request) if route == "/chat/completions" else _completion(request))


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "tests"}


def _send_events(handler: BaseHTTPRequestHandler, events: Iterator[Json]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for data in (*(json.dumps(event, ensure_ascii=False) for event in events), "[DONE]"):
        line = f"data: {data}\n\n".encode()
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
    handler.wfile.write(b"0\r\n\r\n")


def _cut(text: str, request: Json) -> tuple[str, str]:
    """Return a text up to its first stop sequence and its token limit, and the reason of its end."""
    stop = request.get("stop") or []
    for sequence in [stop] if isinstance(stop, str) else stop:
        text = text.partition(sequence)[0]
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    words = text.split(" ")
    return (" ".join(words[:limit]), "length") if limit and len(words) > limit else (text, "stop")


def _usage(prompt: int, text: str) -> Json:
    completion = count_tokens(text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _prompt_tokens(request: Json) -> int:
    return sum(count_tokens(text_of(one.get("content"))) for one in request["messages"])


def _named(request: Json, kind: str) -> Json:
    return {"id": "chatcmpl-scripted", "object": kind, "created": CREATED, "model": request["model"]}


def _answer(request: Json) -> tuple[Json, str]:
    """Return the message for a request of the chat route, and its finish reason."""
    said = message(request)
    if "tool_calls" in said:
        return said, "tool_calls"
    if "response_format" in request:
        return said, "stop"
    said["content"], reason = _cut(said["content"], request)
    return said, reason


def _logprobs(request: Json, text: str) -> Json | None:
    if not request.get("logprobs"):
        return None
    tokens = [{"token": word, "logprob": -0.5, "bytes": list(word.encode())} for word in text.split()]
    return {"content": [{**one, "top_logprobs": [one][: request.get("top_logprobs", 0)]} for one in tokens]}


def _chat(request: Json) -> Json:
    said, reason = _answer(request)
    choice = {"message": said, "finish_reason": reason, "logprobs": _logprobs(request, said["content"] or "")}
    choices = [{"index": index, **choice} for index in range(request.get("n") or 1)]
    usage = _usage(_prompt_tokens(request), json.dumps(said))
    return {**_named(request, "chat.completion"), "choices": choices, "usage": usage}


def _chat_events(request: Json) -> Iterator[Json]:
    said, reason = _answer(request)
    for index in range(request.get("n") or 1):
        for delta, end in (*((delta, None) for delta in _deltas(said)), ({}, reason)):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": end}
            yield {**_named(request, "chat.completion.chunk"), "choices": [choice]}
    if (request.get("stream_options") or {}).get("include_usage"):
        usage = _usage(_prompt_tokens(request), json.dumps(said))
        yield {**_named(request, "chat.completion.chunk"), "choices": [], "usage": usage}


def _deltas(said: Json) -> Iterator[Json]:
    yield {"role": "assistant", "content": None if "tool_calls" in said else ""}
    for index, call in enumerate(said.get("tool_calls", ())):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        yield {"tool_calls": [{**call, "index": index, "function": {"name": name, "arguments": ""}}]}
        half = len(arguments) // 2
        for part in (arguments[:half], arguments[half:]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
    words = (said["content"] or "").split(" ")
    yield from ({"content": word if last else f"{word} "} for word, last in _with_last(words) if word)


def _with_last(words: list[str]) -> Iterator[tuple[str, bool]]:
    return ((word, index == len(words) - 1) for index, word in enumerate(words))


def _prompts(request: Json) -> list[str]:
    prompt = request["prompt"]
    if isinstance(prompt, str):
        return [prompt]
    if all(isinstance(one, int) for one in prompt):
        return [" ".join(map(str, prompt))]
    return [one if isinstance(one, str) else " ".join(map(str, one)) for one in prompt]


def _completion_choice(request: Json, prompt: str, index: int) -> Json:
    made, reason = ("", "length") if request.get("max_tokens") == 0 else _cut("and so on and on", request)
    text = " ".join([prompt, made] if made else [prompt]) if request.get("echo") else made
    logprobs = _token_logprobs(text) if request.get("logprobs") is not None else None
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": logprobs}


def _token_logprobs(text: str) -> Json:
    """Return log-probabilities in the form of the completions route; the first token has none."""
    tokens = text.split(" ")
    offsets = [sum(len(one) + 1 for one in tokens[:index]) for index in range(len(tokens))]
    values = [None, *(-1.0 - len(token) / 10 for token in tokens[1:])]
    tops = [None if value is None else {token: value} for token, value in zip(tokens, values, strict=True)]
    return {"tokens": tokens, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}


def _completion(request: Json) -> Json:
    choices = [_completion_choice(request, prompt, index) for index, prompt in enumerate(_prompts(request))]
    usage = _usage(sum(map(count_tokens, _prompts(request))), "".join(one["text"] for one in choices))
    return {**_named(request, "text_completion"), "choices": choices, "usage": usage}


def _text_events(request: Json) -> Iterator[Json]:
    whole = _completion(request)
    for choice in whole["choices"]:
        for word, last in _with_last(choice["text"].split(" ")):
            part = {**choice, "text": word if last else f"{word} ", "finish_reason": None}
            yield {**whole, "choices": [part], "usage": None}
        yield {**whole, "choices": [{**choice, "text": "", "logprobs": None}], "usage": None}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**whole, "choices": []}


def _embeddings(request: Json) -> Json:
    texts = _prompts({"prompt": request["input"]})
    size = request.get("dimensions") or DIMENSIONS
    vectors = [_vector(text, size) for text in texts]
    if request.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{size}f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    tokens = sum(map(count_tokens, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": request["model"], "data": data, "usage": usage}


def _ranking(request: Json) -> Json:
    """Rank by the share of the query's words that a document has, as vLLM responds."""
    query = set(request["query"].lower().split())
    shares = [len(query & set(document.lower().split())) / len(query) for document in request["documents"]]
    results = [
        {"index": index, "relevance_score": share, "document": {"text": request["documents"][index]}}
        for index, share in sorted(enumerate(shares), key=lambda pair: -pair[1])
    ]
    return {"id": "rerank-1", "model": request["model"], "results": results, "usage": {"total_tokens": 20}}


def _vector(text: str, size: int) -> Any:
    digest = sha256(text.encode()).digest()
    return [digest[index % len(digest)] / 255 for index in range(size)]
