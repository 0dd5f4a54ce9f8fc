"""Chat completions as responses of Anthropic's Messages API."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.backends.types import OpenAIResult
from app.translators.messages.request import shows_thinking
from app.translators.messages.results import (
    SIGNATURE,
    matched_stop,
    message_id,
    message_usage,
    reasoning_of,
    stop_fields,
    tool_input,
)


def message_response(body: Mapping[str, Any], result: OpenAIResult) -> dict[str, Any]:
    """Return the response for a complete chat completion."""
    payload = result.payload
    choice = payload["choices"][0]
    said = choice["message"]
    content = list(_blocks(said, shows_thinking(body)))
    matched = matched_stop(choice, body.get("stop_sequences") or [])
    calls = any(block["type"] == "tool_use" for block in content)
    return {
        "id": message_id(payload["id"]),
        "type": "message",
        "role": "assistant",
        "model": payload["model"],
        "content": content,
        **stop_fields(choice.get("finish_reason"), matched, calls=calls, refused=bool(said.get("refusal"))),
        "usage": message_usage(result.usage, payload["usage"]),
    }


def _blocks(said: Mapping[str, Any], with_thinking: bool) -> Iterator[dict[str, Any]]:
    if with_thinking and (reasoning := reasoning_of(said)):
        yield {"type": "thinking", "thinking": reasoning, "signature": SIGNATURE}
    for name in ("content", "refusal"):
        if text := said.get(name):
            yield {"type": "text", "text": text}
    for call in said.get("tool_calls") or ():
        if function := call.get("function"):
            yield {
                "type": "tool_use",
                "id": call["id"],
                "name": function.get("name") or "",
                "input": tool_input(function["arguments"]),
            }
