"""The response object: its identity, its state, and the parameters of its request."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from app.backends.types import Usage
from app.ids import new_id

# finish reasons of chat completions that make a response incomplete
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
# OpenAI's response repeats these fields of its request, or these values
_REPEATED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": None,
    "temperature": None,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


class ResponseEnvelope:
    """The response to one request; `model` is the model that responds. Source: openai.types.responses.Response."""

    def __init__(self, body: Mapping[str, Any], model: str) -> None:
        self.id = f"resp_{new_id()}"
        self._created = int(time.time())
        self._model = model
        self._request = {name: body.get(name, default) for name, default in _REPEATED.items()}
        self._request["tools"] = [_repeated_tool(tool) for tool in body.get("tools", ())]
        self._request["text"] = {**(body.get("text") or {})}
        self._request["text"]["format"] = self._request["text"].get("format") or {"type": "text"}
        self._request["reasoning"] = {"effort": None, "summary": None, **(body.get("reasoning") or {})}

    def in_progress(self) -> dict[str, Any]:
        """Return the response before its end."""
        return self._snapshot("in_progress", ())

    def finished(
        self, reason: str | None, output: Sequence[Mapping[str, Any]], usage: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the response after its end, which is complete or not by the `reason` of a chat completion."""
        if (cause := _INCOMPLETE.get(reason or "")) is not None:
            return self._snapshot("incomplete", output, incomplete_details={"reason": cause}, usage=usage)
        return self._snapshot("completed", output, completed_at=int(time.time()), usage=usage)

    def failed(self, code: str, message: str) -> dict[str, Any]:
        """Return the response after an error."""
        return self._snapshot("failed", (), error={"code": code, "message": message})

    def _snapshot(self, status: str, output: Sequence[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "background": False,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "model": self._model,
            "output": output,
            "previous_response_id": None,
            "store": False,
            "usage": None,
            **self._request,
            **fields,
        }


def is_incomplete(reason: str | None) -> bool:
    """Return whether a finish reason makes a response incomplete."""
    return reason in _INCOMPLETE


def response_usage(usage: Usage, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usage of a response; `counts` are those of the upstream, with their details."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": _detail(counts, "prompt_tokens_details", "cached_tokens"),
            "cache_write_tokens": 0,
        },
        "output_tokens": usage.output_tokens or 0,
        "output_tokens_details": {
            "reasoning_tokens": _detail(counts, "completion_tokens_details", "reasoning_tokens"),
        },
        "total_tokens": usage.total_tokens,
        **({"estimated": True} if usage.estimated else {}),
    }


def _detail(counts: Mapping[str, Any], field: str, name: str) -> int:
    details = counts.get(field)
    count = details.get(name) if isinstance(details, dict) else None
    return count if type(count) is int and count >= 0 else 0


def _repeated_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool with the fields that OpenAI's response always has."""
    return {"parameters": None, "strict": None, **tool} if tool.get("type") == "function" else dict(tool)
