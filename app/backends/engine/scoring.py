"""The log-probabilities of a prompt's own tokens, which `echo` with `logprobs` asks for.

llama.cpp returns those of generated tokens only. So the prompt is generated: a grammar of its token ids leaves no
choice, and llama.cpp reports each token's log-probability as it was before the grammar.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.engine.decoder import Echo
from app.backends.responses.normalize import decode_json, require_success
from app.backends.responses.sse import iter_event_data
from app.errors import UpstreamInvalidResponse, UpstreamRejected

# makes a call of the engine: its route, the parser of its response, its body
Call = Callable[[str, Callable[[UpstreamResponse], Any], dict[str, Any]], UpstreamRequest[Any]]


@dataclass(frozen=True)
class Prompt:
    """A prompt as tokens: `prefix` is what the model begins each text with, such as <s>; `tokens` are the text's."""

    text: str
    prefix: Sequence[int]
    tokens: Sequence[int]


def tokenized(prompts: Sequence[str | Sequence[int]], call: Call) -> Plan[list[Prompt]]:
    """Return the prompts as tokens. Control tokens in texts are read as text."""
    prefix = yield call("tokenize", _tokens, {"content": "", "add_special": True})
    found = []
    for prompt in prompts:
        if isinstance(prompt, str):
            body = {"content": prompt, "add_special": False, "parse_special": False}
            found.append(Prompt(prompt, prefix, (yield call("tokenize", _tokens, body))))
        else:
            text = yield call("detokenize", _content, {"tokens": prompt})
            found.append(Prompt(text, (), prompt))
    return found


def scored(prompts: Sequence[Prompt], top_logprobs: int, context: int, call: Call) -> Plan[list[Echo]]:
    """Return the prompts with the log-probabilities of their tokens.

    Raises UpstreamRejected for a prompt that fills the context, and for a token in it that ends a text.
    """
    for prompt in prompts:
        if len(prompt.tokens) >= context:
            reason = f"The prompt has {len(prompt.tokens)} tokens, and the context {context}."
            raise UpstreamRejected(details={"reason": reason})
    echoes = []
    for prompt in prompts:
        echoes.append(Echo(prompt.text, (yield from _scored_tokens(prompt, top_logprobs, call))))
    return echoes


def _scored_tokens(prompt: Prompt, top_logprobs: int, call: Call) -> Plan[list[dict[str, Any]]]:
    """Return the tokens in the form of chat's log-probabilities; that of the first one is null, as at OpenAI."""
    if not prompt.tokens:
        return []
    first = yield call("detokenize", _content, {"tokens": prompt.tokens[:1]})
    entries = [{"token": first, "logprob": None, "top_logprobs": []}]
    forced = prompt.tokens[1:]
    if forced:
        entries += yield call("completions", _logprobs, _scoring_body(prompt, forced, top_logprobs))
    if len(entries) != len(prompt.tokens):
        raise UpstreamRejected(details={"reason": "The prompt has a token that ends a text."})
    return entries


def _scoring_body(prompt: Prompt, forced: Sequence[int], top_logprobs: int) -> dict[str, Any]:
    return {
        "prompt": [*prompt.prefix, prompt.tokens[0]],
        "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in forced),
        "max_tokens": len(forced),
        "temperature": 0,
        "logprobs": max(1, top_logprobs),
    }


def _logprobs(response: UpstreamResponse) -> list[dict[str, Any]]:
    require_success(response)
    events = [data for data in iter_event_data(response.body) if data.startswith(b"{")]
    try:
        choices = [choice for data in events for choice in orjson.loads(data)["choices"]]
        return [entry for choice in choices for entry in _content_of(choice)]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UpstreamInvalidResponse from None


def _content_of(choice: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return (choice.get("logprobs") or {}).get("content") or ()


def _tokens(response: UpstreamResponse) -> list[int]:
    return _field(response, "tokens", list)


def _content(response: UpstreamResponse) -> str:
    return _field(response, "content", str)


def _field(response: UpstreamResponse, name: str, kind: type) -> Any:
    require_success(response)
    payload = decode_json(response)
    value = payload.get(name) if isinstance(payload, dict) else None
    if not isinstance(value, kind):
        raise UpstreamInvalidResponse
    return value
