"""The fields of a client's request that the engine is sent: known ones of a bounded value. All others are left out.

llama.cpp takes dozens of fields more; some of them (`samplers`, `n_cache_reuse`, `id_slot`) block it or touch what
other clients use.
"""

from collections.abc import Callable, Mapping
from typing import Any

from app.backends.engine.grammars import require_bounded_grammar, require_bounded_schema
from app.errors import NotSupported, UpstreamRejected

MAX_LOGPROBS = 20
MAX_BIASES = 300
MAX_TOOLS = 32
MAX_CHOICES = 128
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})

# names of other servers for fields of llama.cpp
_OTHER_NAMES = {"repetition_penalty": "repeat_penalty"}

Check = Callable[[Any], None]


def engine_fields(body: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return the fields of the body that have a check; null counts as absent.

    Raises UpstreamRejected for a value that its check refuses.
    """
    renamed = {name: body[other] for other, name in _OTHER_NAMES.items() if other in body}
    body = {**renamed, **body}
    fields = {name: body[name] for name in checks if body.get(name) is not None}
    for name, value in fields.items():
        try:
            checks[name](value)
        except ValueError as error:
            raise UpstreamRejected(details={"reason": f"{name} {error}."}) from None
    return fields


def require_supported(body: Mapping[str, Any]) -> None:
    """Raise NotSupported for fields of completions that the engine would ignore."""
    if body.get("suffix"):
        raise NotSupported("The embedded engine does not take a suffix.")
    if body.get("best_of") not in (None, body.get("n") or 1):
        raise NotSupported("The embedded engine does not take best_of; use n.")


def prompts(prompt: Any) -> list[Any]:
    """Return the prompts of a completions request, which has one, or a list of texts or of lists of token ids."""
    return prompt if isinstance(prompt, list) and not isinstance(prompt[0], int) else [prompt]


def part_messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages whose content is a text or a list of parts: llama.cpp takes no plain text or single part."""
    contents = [message.get("content") for message in messages]
    lists = [[content] if isinstance(content, dict) else content for content in contents]
    return [
        {**message, "content": [_part(part) for part in parts]} if isinstance(parts, list) else message
        for message, parts in zip(messages, lists, strict=True)
    ]


def _part(part: Any) -> Any:
    return {"type": "text", "text": part} if isinstance(part, str) else part


def number(low: float, high: float) -> Check:
    """Return the check for a number within these bounds."""

    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}")

    return check


def integer(low: int, high: int) -> Check:
    """Return the check for an integer within these bounds."""

    def check(value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"must be an integer from {low} to {high}")

    return check


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")


def _anything(_value: Any) -> None:
    """Accept a value that the request schema has checked."""


def _stop(value: Any) -> None:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > MAX_BIASES or not all(isinstance(stop, str) for stop in stops):
        raise ValueError(f"must be a text or a list of at most {MAX_BIASES} texts")


def _biases(value: Any) -> None:
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or len(pairs) > MAX_BIASES:
        raise ValueError(f"must have at most {MAX_BIASES} tokens")
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[1], int | float | bool):
            raise ValueError("must assign a number to each token")


def _messages(value: Any) -> None:
    for message in value:
        if message.get("role") not in ROLES:
            raise ValueError(f"must have the roles {', '.join(sorted(ROLES))} only")
        content = message.get("content")
        parts = content if isinstance(content, list) else [content]
        if any(isinstance(part, dict) and part.get("type", "text") != "text" for part in parts):
            raise ValueError("must have texts only, because the embedded engine reads no other media")


def _tools(value: Any) -> None:
    if not isinstance(value, list) or len(value) > MAX_TOOLS:
        raise ValueError(f"must be a list of at most {MAX_TOOLS} tools")
    for tool in value:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ValueError("must have functions with names only")
    require_bounded_schema([tool["function"].get("parameters") for tool in value])


def _response_format(value: Any) -> None:
    if value.get("type") not in ("text", "json_object", "json_schema"):
        raise ValueError("must have the type text, json_object or json_schema")
    schema = value.get("json_schema")
    if value["type"] == "json_schema" and not (isinstance(schema, dict) and isinstance(schema.get("schema"), dict)):
        raise ValueError("must have a json_schema with a schema")
    require_bounded_schema([schema, value.get("schema")])


def _json_schema(value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    require_bounded_schema(value)


def _template_arguments(value: Any) -> None:
    if not isinstance(value, dict) or not all(isinstance(item, bool) for item in value.values()):
        raise ValueError("must be an object of true and false")


_SAMPLING: Mapping[str, Check] = {
    "max_tokens": integer(0, 2**31 - 1),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": integer(0, 2**31 - 1),
    "min_p": number(0, 1),
    "typical_p": number(0, 1),
    "repeat_penalty": number(0.1, 10),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "stop": _stop,
    "seed": integer(-(2**63), 2**63 - 1),
    "stream_options": _anything,
    "n": integer(1, MAX_CHOICES),
    "logit_bias": _biases,
    "grammar": require_bounded_grammar,
    "json_schema": _json_schema,
}
COMPLETIONS: Mapping[str, Check] = {
    **_SAMPLING,
    "prompt": _anything,
    "echo": _flag,
    "logprobs": integer(0, MAX_LOGPROBS),
}
CHAT: Mapping[str, Check] = {
    **_SAMPLING,
    "messages": _messages,
    "max_completion_tokens": integer(0, 2**31 - 1),
    "logprobs": _flag,
    "top_logprobs": integer(0, MAX_LOGPROBS),
    "tools": _tools,
    "tool_choice": _anything,
    "parallel_tool_calls": _flag,
    "response_format": _response_format,
    "chat_template_kwargs": _template_arguments,
}
# beside those of chat, what vLLM's tokenizer takes
TEMPLATE: Mapping[str, Check] = {
    "messages": _messages,
    "tools": _tools,
    "tool_choice": _anything,
    "chat_template_kwargs": _template_arguments,
    "add_generation_prompt": _flag,
}
