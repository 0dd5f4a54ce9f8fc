"""Reads generated text out of every answer shape that the backends and their providers send.

The shape decides, not the route: the Hugging Face router passes its providers' answers on as they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.backends.base import Answer, Generation, TokenLogprobs, Usage
from app.backends.faults import decoded, fault, fault_in_band
from app.backends.sse import event_data
from app.backends.tokens import estimated_tokens
from app.errors import UpstreamInvalidResponse, UpstreamUnavailable

# no count is larger; what is cannot be one
MOST_TOKENS = 2**53
_CONTENT_KEYS = frozenset({"error", "choices", "generated_text", "message"})
# text-generation-inference, older routers and Cohere spell OpenAI's reasons in their own ways
_FINISH_REASONS = {
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "max_tokens": "length",
    "tool_call": "tool_calls",
}


def generation(answer: Answer, prompt: str) -> Generation:
    """Return the text, finish reason and usage of an answer; the prompt is for counting where no counts are given.

    Raises the error of the table for an answer that is none: a status, an error in a 200, HTML, cut off, wrong shape.
    """
    require_success(answer)
    draft = Draft()
    if answer.media_type == "text/event-stream":
        for data in event_data(answer.body):
            draft.add_event(data)
    else:
        draft.add(decoded_json(answer))
        draft.ended = draft.begun
    return draft.finished(answer.headers, prompt)


def require_success(answer: Answer) -> None:
    """Raise the error for an answer whose status is not 2xx."""
    if not 200 <= answer.status < 300:
        raise fault(answer)


def decoded_json(answer: Answer) -> Any:
    """Return the JSON of a successful answer; raise UpstreamInvalidResponse where it is none."""
    payload = decoded(answer.body)
    if payload is None:
        raise UpstreamInvalidResponse
    return payload


@dataclass
class Draft:
    """An answer in the making: each payload, a whole answer or an event of a stream, adds what it has."""

    text: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    logprobs: list[TokenLogprobs] = field(default_factory=list)
    begun: bool = False
    ended: bool = False

    def add_event(self, data: bytes) -> None:
        """Take the data of one event in; raise as `add` does."""
        if data.strip() == b"[DONE]":
            self.ended = True
            return
        payload = decoded(data)
        if isinstance(payload, dict) and "type" in payload and "delta" in payload:
            self._add_cohere_event(payload)
        elif not (isinstance(payload, dict) and _CONTENT_KEYS.isdisjoint(payload) and "type" in payload):
            self.add(payload)

    def add(self, payload: Any) -> None:
        """Take one payload in; raise its error where it carries one, UpstreamInvalidResponse for an unknown shape."""
        if isinstance(payload, list) and payload:
            payload = payload[0]
        if not isinstance(payload, dict):
            raise UpstreamInvalidResponse
        if payload.get("error"):
            raise fault_in_band(payload)
        if isinstance(payload.get("choices"), list):
            self._add_openai(payload)
        elif "generated_text" in payload:
            self._add_tgi(payload)
        elif isinstance(message := payload.get("message"), dict):
            self._add_cohere(message, payload)
        else:
            raise UpstreamInvalidResponse

    def finished(self, headers: Mapping[str, str], prompt: str) -> Generation:
        """Return the whole answer; raise UpstreamInvalidResponse where its end never came."""
        if not self.begun or not (self.ended or self.finish_reason):
            raise UpstreamInvalidResponse
        text = "".join(self.text)
        usage = _usage(self.usage, headers, prompt, text)
        return Generation(text, self.finish_reason or "stop", usage, logprobs=tuple(self.logprobs))

    def _add_openai(self, payload: dict[str, Any]) -> None:
        groq = payload.get("x_groq")
        usage = payload.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
        if isinstance(usage, dict):
            self.usage = usage
        for choice in payload["choices"]:
            if not isinstance(choice, dict):
                raise UpstreamInvalidResponse
            if not choice.get("index"):  # the first of several; some servers leave the number out
                self.begun = True
                self._add_choice(choice)

    def _add_choice(self, choice: dict[str, Any]) -> None:
        if choice.get("finish_reason") == "error":
            raise UpstreamUnavailable
        part = choice.get("message") or choice.get("delta") or choice
        if not isinstance(part, dict):
            raise UpstreamInvalidResponse
        self._add_text(part.get("content", part.get("text")))
        self._finish(choice.get("finish_reason"))
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict):
            self.logprobs += _logprobs(logprobs)

    def _add_text(self, content: Any) -> None:
        """Take content in: a text, a list of parts, or None where the answer is a tool call or only reasoning."""
        if isinstance(content, str):
            self.text.append(content)
        elif isinstance(content, list):
            self.text += [part["text"] for part in content if isinstance(part, dict) and _is_text(part.get("text"))]
        elif content is not None:
            raise UpstreamInvalidResponse

    def _finish(self, reason: Any) -> None:
        if isinstance(reason, str) and reason:
            self.finish_reason = _FINISH_REASONS.get(reason.lower(), reason.lower())

    def _add_tgi(self, payload: dict[str, Any]) -> None:
        token = payload.get("token")
        self.begun = isinstance(token, dict) or isinstance(payload["generated_text"], str)
        if isinstance(token, dict):
            if not token.get("special"):
                self._add_text(token.get("text"))
            self.ended = payload["generated_text"] is not None
        else:
            self._add_text(payload["generated_text"])
        details = payload.get("details")
        if isinstance(details, dict):
            self._finish(details.get("finish_reason"))
            prefill = details.get("prefill")
            self.usage = {
                "prompt_tokens": details.get("input_length") or (len(prefill) if isinstance(prefill, list) else 0),
                "completion_tokens": details.get("generated_tokens"),
            }

    def _add_cohere(self, message: dict[str, Any], payload: dict[str, Any]) -> None:
        content = message.get("content")
        self.begun = self.begun or content is not None
        self._add_text([content] if isinstance(content, dict) else content)
        self._finish(payload.get("finish_reason"))
        usage = payload.get("usage")
        tokens = usage.get("tokens") if isinstance(usage, dict) else None
        if isinstance(tokens, dict):
            self.usage = {
                "prompt_tokens": tokens.get("input_tokens"),
                "completion_tokens": tokens.get("output_tokens"),
            }

    def _add_cohere_event(self, event: dict[str, Any]) -> None:
        """Take an event of Cohere's stream in: its delta holds what a whole answer holds."""
        delta = event.get("delta")
        if isinstance(delta, dict):
            message = delta.get("message")
            self._add_cohere(message if isinstance(message, dict) else {}, delta)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _usage(usage: Mapping[str, Any], headers: Mapping[str, str], prompt: str, text: str) -> Usage:
    """Take the counts of the body, else of TGI's headers; count what is missing and mark the whole as estimated."""
    prompt_tokens = _count(usage.get("prompt_tokens"), headers.get("x-prompt-tokens"))
    completion_tokens = _count(usage.get("completion_tokens"), headers.get("x-generated-tokens"))
    return Usage(
        prompt_tokens or estimated_tokens(prompt),  # no prompt is empty: a count of zero is none
        estimated_tokens(text) if completion_tokens is None else completion_tokens,
        estimated=not prompt_tokens or completion_tokens is None,
    )


def _count(given: Any, header: str | None) -> int | None:
    """Return the count that the body gives, else the header's, else None."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= MOST_TOKENS:
        return given
    return int(header) if header and re.fullmatch(r"\d{1,9}", header) else None


def _logprobs(logprobs: dict[str, Any]) -> list[TokenLogprobs]:
    """Read log-probabilities in the form of OpenAI's chat (`content`) or of its completions (`tokens`)."""
    if isinstance(logprobs.get("content"), list):
        entries = [entry for entry in logprobs["content"] if isinstance(entry, dict)]
        return [
            TokenLogprobs(str(entry.get("token", "")), _top(entry.get("top_logprobs")) or _top([entry]))
            for entry in entries
        ]
    tokens, tops = logprobs.get("tokens"), logprobs.get("top_logprobs")
    if isinstance(tokens, list) and isinstance(tops, list):
        return [TokenLogprobs(str(token), _numbers(top)) for token, top in zip(tokens, tops, strict=False)]
    return []


def _top(entries: Any) -> dict[str, float]:
    if not isinstance(entries, list):
        return {}
    found = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("token"), str)]
    return _numbers({entry["token"]: entry.get("logprob") for entry in found})


def _numbers(pairs: Any) -> dict[str, float]:
    if not isinstance(pairs, dict):
        return {}
    return {key: value for key, value in pairs.items() if isinstance(key, str) and isinstance(value, int | float)}
