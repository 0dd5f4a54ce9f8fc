"""A list of prompts on a route that takes one: a call for each, and their responses as one."""

from collections.abc import Callable
from dataclasses import replace

from app.backends.base import Plan
from app.backends.types import OpenAIRequest, OpenAIResult, Usage
from app.errors import NotSupported


def complete_each(
    request: OpenAIRequest, complete: Callable[[OpenAIRequest], Plan[OpenAIResult]]
) -> Plan[OpenAIResult]:
    """Return the choices of all prompts in the prompts' order, and the sum of their counts.

    Raises NotSupported for a stream of several prompts, since each call is a stream of its own.
    """
    prompt = request.body["prompt"]
    if not isinstance(prompt, list) or not all(isinstance(text, str) for text in prompt):
        return (yield from complete(request))
    if len(prompt) > 1 and request.stream:
        raise NotSupported("This model is reached through chat completions, which stream one prompt at a time.")
    results = []
    for text in prompt:
        results.append((yield from complete(replace(request, body={**request.body, "prompt": text}, prompt=text))))
    return results[0] if len(results) == 1 else _merged(results)


def _merged(results: list[OpenAIResult]) -> OpenAIResult:
    choices = [choice for result in results for choice in result.payload["choices"]]
    usage = Usage(
        sum(result.usage.prompt_tokens for result in results),
        sum(result.usage.completion_tokens or 0 for result in results),
        any(result.usage.estimated for result in results),
    )
    counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
    counts |= {"total_tokens": usage.total_tokens} | ({"estimated": True} if usage.estimated else {})
    numbered = [{**choice, "index": index} for index, choice in enumerate(choices)]
    return replace(results[0], payload={**results[0].payload, "choices": numbered, "usage": counts}, usage=usage)
