"""Texts with planted identifiers, and an upstream that repeats what it is sent, as text, stream, call or vector."""

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from support.servers import Upstream, reply

FILE = Path(__file__).parents[1] / "data/quality/pii.jsonl"
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
PIECE_CHARS = 3
PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]")


@dataclass(frozen=True)
class Sample:
    """A text, its country (None for look-alikes), and its identifiers: kind, start and end."""

    country: str | None
    text: str
    entities: tuple[tuple[str, int, int], ...]

    @property
    def values(self) -> list[str]:
        """The planted identifiers."""
        return [self.text[start:end] for _, start, end in self.entities]


def samples() -> list[Sample]:
    """Return all texts of the file, whose first line describes it."""
    lines = [json.loads(line) for line in FILE.read_text().splitlines()[1:]]
    return [Sample(line["country"], line["text"], tuple(map(tuple, line["entities"]))) for line in lines]


def plain(text: str) -> str:
    """Return the letters and digits of a text without escapes, so that no other spelling hides an identifier."""
    unquoted = urllib.parse.unquote(re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text))
    return re.sub(r"[^a-z0-9@äöüß]", "", unquoted.lower())


class RepeatingUpstream(Upstream):
    """An OpenAI-compatible server that repeats the last text it is sent; with tools, as the argument of a call."""

    def __init__(self) -> None:
        super().__init__()
        self.respond = self._respond

    @property
    def received(self) -> Iterator[str]:
        """All bodies and headers that have arrived."""
        for request in self.requests:
            yield json.dumps([request.get("body"), request["headers"], request["path"]], ensure_ascii=False)

    def _respond(self, handler: BaseHTTPRequestHandler) -> None:
        body: dict[str, Any] = getattr(handler, "asked", {})
        if handler.path.endswith("/embeddings"):
            count = len(body["input"]) if isinstance(body["input"], list) else 1
            data = [{"index": index, "embedding": [0.5, 0.25]} for index in range(count)]
            return reply(handler, {"data": data, "model": "m", "usage": USAGE})
        if not handler.path.endswith("completions"):
            return reply(handler, {"detail": "Not Found"}, 404)
        is_chat = handler.path.endswith("chat/completions")
        text = _last_text(body, is_chat=is_chat)
        if body.get("stream"):
            return _stream(handler, _deltas(text, body, is_chat=is_chat))
        return reply(
            handler, {"id": "c", "model": "m", "choices": [_choice(text, body, is_chat=is_chat)], "usage": USAGE}
        )


def _last_text(body: dict[str, Any], *, is_chat: bool) -> str:
    if not is_chat:
        return str(body["prompt"])
    messages = body["messages"]
    if schema := (body.get("response_format") or {}).get("json_schema", {}).get("schema"):
        return json.dumps(_instance(schema))
    if messages[0]["role"] == "system" and "sentiment" in messages[0]["content"]:
        return "positive"
    content = messages[-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _instance(schema: dict[str, Any]) -> Any:
    """Return a value of a schema, as short as possible."""
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {name: _instance(one) for name, one in schema["properties"].items()}
    return {"array": ["everybody"], "number": 0.5, "integer": 0, "string": "x"}.get(str(schema.get("type")))


def _choice(text: str, body: dict[str, Any], *, is_chat: bool) -> dict[str, Any]:
    if not is_chat:
        return {"index": 0, "text": text, "finish_reason": "stop"}
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if body.get("tools"):
        function = {"name": "repeat", "arguments": json.dumps({"text": text})}
        message = {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    return {"index": 0, "message": message, "finish_reason": "tool_calls" if body.get("tools") else "stop"}


def _deltas(text: str, body: dict[str, Any], *, is_chat: bool) -> Iterator[dict[str, Any]]:
    """Yield the parts of choices: a few characters each, so that placeholders are cut."""
    if not is_chat:
        yield from ({"text": piece} for piece in _pieces(text))
    elif body.get("tools"):
        head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "repeat", "arguments": ""}}
        yield {"delta": {"role": "assistant", "tool_calls": [head]}}
        for piece in _pieces(json.dumps({"text": text})):
            yield {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}}
    else:
        yield from ({"delta": {"content": piece}} for piece in _pieces(text))


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS)]


def _stream(handler: BaseHTTPRequestHandler, deltas: Iterator[dict[str, Any]]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()
    events = [{"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": None, **delta}]} for delta in deltas]
    last = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "text": "", "finish_reason": "stop"}]}
    lines = [f"data: {json.dumps(event)}\n\n" for event in (*events, {**last, "usage": USAGE})]
    handler.wfile.write("".join([*lines, "data: [DONE]\n\n"]).encode())
