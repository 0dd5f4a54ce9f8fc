"""The bodies of OpenAI's routes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.backends.tasks import prompts
from app.backends.types import OpenAIRequest, TextRequest
from app.errors import NotSupported

# parameters of completions that chat completions lack, or have in another form
_COMPLETIONS_ONLY = ("best_of", "echo", "logprobs", "suffix")


def streaming_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with `stream` set, and with usage in the last chunk: the service needs it for its metrics."""
    return {**body, "stream": True, "stream_options": {**(body.get("stream_options") or {}), "include_usage": True}}


def as_chat(request: OpenAIRequest) -> OpenAIRequest:
    """Turn a completions request into a chat request; raise NotSupported if chat completions lack a parameter.

    Optional fields that they lack are left out.
    """
    left_out = set(_COMPLETIONS_ONLY) & set(request.may_drop)
    body = {name: value for name, value in request.body.items() if name not in left_out}
    prompt = body.pop("prompt")
    unsupported = [name for name in _COMPLETIONS_ONLY if body.pop(name, None)]
    if unsupported or not isinstance(prompt, str):
        reason = ", ".join(unsupported) or "a prompt that is a list"
        raise NotSupported(f"This model is reached through chat completions, which do not take {reason}.")
    messages = [{"role": "system", "content": prompts.CONTINUE}, {"role": "user", "content": prompt}]
    return replace(request, body={"messages": messages, **body})


def count_choices(body: Mapping[str, Any]) -> int:
    """Return how many choices a body asks for: `n` for each prompt, which is a text or a list of tokens."""
    prompt = body.get("prompt")
    prompts = len(prompt) if isinstance(prompt, list) and not isinstance(prompt[0], int) else 1
    return prompts * int(body.get("n", 1))


def with_model(model: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with the model as its first field: the Hugging Face router parses only the first bytes."""
    return {**({"model": model} if model else {}), **body}


def request_parameters(request: TextRequest) -> dict[str, Any]:
    """Return a request's parameters under the names that OpenAI's routes use."""
    parameters = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "seed": request.seed,
    }
    return {name: value for name, value in parameters.items() if value is not None}
