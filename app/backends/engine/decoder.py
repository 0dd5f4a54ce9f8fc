"""Decodes the engine's responses: several choices, echoed prompts, and fields that show what other clients sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.backends.responses.chunk_decoder import Chunk, ChunkDecoder, ResponseKind
from app.errors import UpstreamInvalidResponse


@dataclass(frozen=True)
class Echo:
    """A prompt that its choices begin with; `logprobs` are those of its tokens, in the form of chat."""

    text: str
    logprobs: Sequence[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Choices:
    """The choices of a request: `n` for each prompt, in the prompts' order; `echoes` are the prompts to echo.

    `without_text` is for max_tokens 0: the engine generates one token all the same; clients do not see it.
    """

    n: int = 1
    echoes: tuple[Echo, ...] = ()
    without_text: bool = False


class EngineDecoder(ChunkDecoder):
    """The decoder of llama.cpp's responses. Its counts are those of one choice each, and are summed up."""

    def __init__(
        self,
        kind: ResponseKind,
        model: str | None,
        prompt: str,
        headers: Mapping[str, str],
        *,
        choices: Choices,
        expected_choices: int = 1,
    ) -> None:
        super().__init__(kind, model, prompt, headers, expected_choices=expected_choices)
        self._choices = choices
        self._echoed: set[int] = set()
        self._reported_prompt_tokens = 0
        self._completion_tokens = 0

    def decode(self, data: bytes, *, complete: bool = False) -> Chunk | None:
        if data == b"null":  # llama.cpp's first event for each prompt after the first
            return None
        if data[:1] == b"{" and (self._choices.echoes or self._choices.without_text or _has_more_than_text(data)):
            try:
                data = orjson.dumps(self._rewritten(orjson.loads(data)))
            except (ValueError, LookupError, TypeError, AttributeError):
                raise UpstreamInvalidResponse from None
        return super().decode(data, complete=complete)

    def _rewritten(self, payload: dict[str, Any]) -> dict[str, Any]:
        payload.pop("timings", None)  # with the cached tokens they show whether somebody sent the same prompt before
        error = payload.get("error")
        if isinstance(error, dict) and error.get("code") == 500:
            error["code"] = 400  # as for whole responses: the request cannot be carried out
        if isinstance(usage := payload.get("usage"), dict):
            payload["usage"] = self._summed(usage)
        for choice in payload.get("choices") or ():
            self._rewrite_choice(choice)
        return payload

    def _summed(self, usage: dict[str, Any]) -> dict[str, int]:
        """Add the counts of one choice. The prompt of `n` choices counts once, as it does at OpenAI."""
        self._reported_prompt_tokens += usage.get("prompt_tokens", 0)
        self._completion_tokens += 0 if self._choices.without_text else usage.get("completion_tokens", 0)
        prompt = -(-self._reported_prompt_tokens // self._choices.n)
        total = prompt + self._completion_tokens
        return {"prompt_tokens": prompt, "completion_tokens": self._completion_tokens, "total_tokens": total}

    def _rewrite_choice(self, choice: dict[str, Any]) -> None:
        logprobs = choice.get("logprobs")
        if self._choices.without_text:
            choice["text"] = ""
            logprobs = choice["logprobs"] = {"content": []} if logprobs else None
        index = choice["index"]
        if not self._choices.echoes or index in self._echoed:
            return
        self._echoed.add(index)
        echo = self._choices.echoes[index // self._choices.n]
        choice["text"] = echo.text + choice["text"]
        if echo.logprobs is not None:
            choice["logprobs"] = {"content": [*echo.logprobs, *((logprobs or {}).get("content") or ())]}


def _has_more_than_text(data: bytes) -> bool:
    return b'"timings"' in data or b'"usage"' in data or data.startswith(b'{"error"')
