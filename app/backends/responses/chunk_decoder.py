"""Reads an answer as it comes: every dialect's events become chunks of OpenAI's API."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.backends.base import Usage
from app.backends.responses.error_mapping import decoded
from app.backends.responses.logprobs import as_completions
from app.backends.responses.normalize import normalize_choice, normalize_payload
from app.backends.responses.token_estimate import TokenEstimate
from app.backends.responses.tool_calls import ToolCalls
from app.backends.responses.usage import extract_usage, openai_usage, resolve_usage
from app.errors import UpstreamInvalidResponse
from app.ids import new_id


@dataclass(frozen=True)
class ResponseKind:
    """What a route's answers are called."""

    whole: str
    chunk: str
    prefix: str


CHAT = ResponseKind("chat.completion", "chat.completion.chunk", "chatcmpl-")
TEXT = ResponseKind("text_completion", "text_completion", "cmpl-")

_NAMES = ("id", "created", "object", "model")
_SAID = ("content", "text", "reasoning", "reasoning_content")


@dataclass(slots=True)
class Chunk:
    """A piece of an answer as callers are to see it; `raw` is the event as it came, where nothing had to be changed."""

    payload: dict[str, Any]
    raw: bytes | None = None

    @property
    def data(self) -> bytes:
        """The chunk as JSON."""
        return self.raw or orjson.dumps(self.payload)

    @property
    def text(self) -> str:
        """What this piece adds to the text of the first choice."""
        parts = [choice.get("delta", choice) for choice in self.payload["choices"] if not choice["index"]]
        return "".join(part.get("content") or part.get("text") or "" for part in parts)


class ChunkDecoder:
    """Reads the events of one answer; knows whether it is whole, why it ended, and what it used.

    `model` is the name that callers are to see, None for the backend's own; `prompt` is for counting where the backend
    does not; `headers` are those of the answer, in lower case.
    """

    def __init__(self, shape: ResponseKind, model: str | None, prompt: str, headers: Mapping[str, str]) -> None:
        self.model = model
        self._headers = headers
        self.ended = False
        self._shape = shape
        self._prompt = prompt
        self._given: Mapping[str, Any] = {}
        self._said = TokenEstimate()
        self._reasons: dict[int, str | None] = {}
        self._lengths: defaultdict[int, int] = defaultdict(int)
        self._tools: defaultdict[int, ToolCalls] = defaultdict(ToolCalls)
        self._names: list[Any] = []

    def read(self, data: bytes, *, whole: bool = False) -> Chunk | None:
        """Return the chunk of an event, or of an answer in one piece; None where callers need not see it.

        Raises the error that it carries, UpstreamInvalidResponse where it cannot be read.
        """
        text = data.strip()
        if text == b"[DONE]" or not text:
            self.ended = self.ended or bool(text)
            return None
        payload = normalize_payload(decoded(data))
        if payload is None:
            return None
        self.ended = self.ended or whole
        changed = self._take_usage(payload)
        if changed and not payload["choices"]:
            return None
        for choice in payload["choices"]:
            changed |= self._read(choice)
        changed |= self._name(payload)
        # data of several lines would need a `data:` before each
        return Chunk(payload, None if changed or b"\n" in data else data)

    @property
    def is_complete(self) -> bool:
        """Whether the answer has come to its end: there was a terminal event, or every choice has said why it ended."""
        return bool(self._reasons) and (self.ended or all(self._reasons.values()))

    def require_complete(self) -> None:
        """Raise UpstreamInvalidResponse where the answer broke off."""
        if not self.is_complete:
            raise UpstreamInvalidResponse

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended."""
        return self._reasons.get(0) or self._unsaid_reason

    def missing_finish_chunks(self) -> Iterator[Chunk]:
        """Yield a last chunk for each choice whose backend did not say why it ended."""
        for index, reason in self._reasons.items():
            if reason is None:
                part: dict[str, Any] = {"delta": {}} if self._shape is CHAT else {"text": ""}
                yield self.make_chunk([{"index": index, **part, "finish_reason": self._unsaid_reason}])

    def make_chunk(self, choices: list[dict[str, Any]], **extra: Any) -> Chunk:
        """Return a chunk of ours, named like the others."""
        payload = {"choices": choices, **extra}
        self._name(payload)
        return Chunk(payload)

    @property
    def usage(self) -> Usage:
        """What the answer used: the last counts given, or an estimate."""
        return resolve_usage(self._given, self._headers, self._prompt, self._said)

    @property
    def openai_usage(self) -> dict[str, Any]:
        """The same as OpenAI has it."""
        return openai_usage(self._given, self.usage)

    @property
    def _unsaid_reason(self) -> str:
        return "tool_calls" if self._tools else "stop"

    def _take_usage(self, payload: dict[str, Any]) -> bool:
        """Keep the counts that a payload carries; tell whether it had any in OpenAI's place, which it has no more."""
        self._given = extract_usage(payload) or self._given
        return bool(payload.get("usage")) and payload.pop("usage") is not None

    def _read(self, choice: Any) -> bool:
        part, changed = normalize_choice(choice)
        index, reason = choice["index"], choice.get("finish_reason")
        if reason is not None or index not in self._reasons:
            self._reasons[index] = reason
        if part.get("tool_calls"):
            changed = True
            self._tools[index].read(part)
        for name in _SAID:
            if isinstance(text := part.get(name), str):
                self._said.add(text)
        return self._shaped(choice, part) or changed

    def _shaped(self, choice: dict[str, Any], part: dict[str, Any]) -> bool:
        """Bring a choice into the shape of the route's chunks; tell whether it was not."""
        if self._shape is TEXT:
            return self._shaped_as_text(choice, part)
        if part is choice.get("delta"):
            return False
        choice["delta"] = choice.pop("message", None) or {"content": choice.pop("text", "")}
        return True

    def _shaped_as_text(self, choice: dict[str, Any], part: dict[str, Any]) -> bool:
        given, index = choice.get("logprobs"), choice["index"]
        text = choice.get("text") or part.get("content") or ""
        offset = self._lengths[index]
        self._lengths[index] += len(text)
        if part is choice and "text" in choice and given is None:
            return False
        choice["text"] = text
        choice["logprobs"] = as_completions(given, offset)
        choice.pop("delta", None)
        choice.pop("message", None)
        return True

    def _name(self, payload: dict[str, Any]) -> bool:
        """Give a chunk the names of the first one, where it has others; tell whether it had."""
        told = [payload.get(name) for name in _NAMES]
        if not self._names:
            self._names = self._first_names(*told)
        if told == self._names:
            return False
        payload.update(zip(_NAMES, self._names, strict=True))
        return True

    def _first_names(self, number: Any, created: Any, _kind: Any, model: Any) -> list[Any]:
        """Return what all chunks are called: as the first one is, where that is as OpenAI has it."""
        return [
            number if isinstance(number, str) and number else f"{self._shape.prefix}{new_id()}",
            created if isinstance(created, int) and created else int(time.time()),
            self._shape.chunk,
            self.model or (model if isinstance(model, str) else ""),
        ]


# makes the reader of an answer that has these headers
MakeDecoder = Callable[[Mapping[str, str]], ChunkDecoder]
