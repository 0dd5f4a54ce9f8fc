"""Requests of Ollama's API as chat completions."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import NotSupported
from app.schemas.openai_fields import Conversation

# Ollama's options that chat completions, or servers of that API, have too
_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "repeat_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "stop": "stop",
}
# chat completions have levels only
_THINK = "medium"
# the first characters of files in base64
_IMAGE_TYPES = {"/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}
_UNSUPPORTED = {
    "suffix": "The field suffix is not supported here; send it to /v1/completions.",
    "raw": "The field raw is not supported here; send the prompt to /v1/completions.",
    "template": "The field template is not supported; the model's own template is used.",
    "context": "The field context is not supported; send the conversation to /api/chat.",
}


def chat_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body for chat completions of a request of /api/chat."""
    return {"messages": _conversation(body["messages"]), **_tools(body), **_parameters(body)}


def generate_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body for chat completions of a request of /api/generate; raise NotSupported for some fields."""
    for name, message in _UNSUPPORTED.items():
        if body.get(name):
            raise NotSupported(message)
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    user = {"role": "user", "content": _content(body.get("prompt", ""), body.get("images"))}
    return {"messages": Conversation([*system, user]), **_parameters(body)}


def is_load(body: Mapping[str, Any]) -> bool:
    """Return whether a request has neither messages nor a prompt: it asks to load the model."""
    return not body.get("messages") and not body.get("prompt") and not body.get("images")


def _parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    options = body.get("options") or {}
    parameters = {name: options[own] for own, name in _OPTIONS.items() if options.get(own) is not None}
    # -1 stands for no limit, and -2 for the rest of the context
    if (limit := options.get("num_predict")) is not None and limit > 0:
        parameters["max_tokens"] = limit
    if think := body.get("think"):
        parameters["reasoning_effort"] = think if isinstance(think, str) else _THINK
    if form := body.get("format"):
        parameters["response_format"] = _response_format(form)
    passed = {name: body[name] for name in ("model", "logprobs", "top_logprobs") if name in body}
    return {**passed, **parameters, "stream": body.get("stream", True)}


def _response_format(form: Any) -> dict[str, Any]:
    if form == "json":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": form}}


def _tools(body: Mapping[str, Any]) -> dict[str, Any]:
    tools = [{**tool, "type": tool.get("type") or "function"} for tool in body.get("tools", ())]
    return {"tools": tools} if tools else {}


def _conversation(messages: Conversation) -> Conversation:
    calls = _CallIds()
    return Conversation([_message(message, calls) for message in messages])


def _message(message: Mapping[str, Any], calls: "_CallIds") -> dict[str, Any]:
    role, text = message["role"], message.get("content")
    if role == "tool":
        return {"role": role, "tool_call_id": calls.answered(message), "content": text or ""}
    translated = {"role": role, "content": _content(text or "", message.get("images"))}
    if message.get("tool_calls"):
        translated["tool_calls"] = [calls.asked(call) for call in message["tool_calls"]]
    return translated


def _content(text: str, images: list[str] | None) -> Any:
    """Return a text, with images as a list of parts."""
    if not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": _image_url(image)}} for image in images]


def _image_url(image: str) -> str:
    if image.startswith("data:"):
        return image
    kind = next((kind for start, kind in _IMAGE_TYPES.items() if image.startswith(start)), "png")
    return f"data:image/{kind};base64,{image}"


class _CallIds:
    """Gives calls and their results the ids that chat completions need, and most of Ollama's clients leave out."""

    def __init__(self) -> None:
        self._count = 0
        self._pending: dict[str, str] = {}  # id to name

    def asked(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call in the form of chat completions."""
        function = call.get("function") or {}
        name, arguments = function.get("name", ""), function.get("arguments") or {}
        call_id = call.get("id") or f"call_{self._count}"
        self._count += 1
        self._pending[call_id] = name
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}

    def answered(self, message: Mapping[str, Any]) -> str:
        """Return the id of a result: its own, else that of the first open call, preferably of the same name."""
        call_id, name = message.get("tool_call_id"), message.get("tool_name")
        if not call_id:
            same = [key for key, value in self._pending.items() if value == name]
            call_id = next(iter(same or self._pending), f"call_{name}")
        self._pending.pop(call_id, None)
        return str(call_id)
