"""The input of a request, as the messages of a chat.

The items of one turn of the model, such as a text and its calls, become one message: chat completions want the calls of
a turn in one message, and the outputs of tools right behind it.
https://platform.openai.com/docs/guides/migrate-to-responses
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from app.schemas.openai_fields import Conversation
from app.translators.responses.parts import chat_content, invalid_input, text_content
from app.translators.responses.tool_media import move_media
from app.translators.responses.tools import CUSTOM_ARGUMENT, function_name

ROLES = ("user", "assistant", "system", "developer")
_ADVICE = "Send messages, calls of functions and custom tools, and their outputs."
# what the model thought, and calls that ran at another service: nothing in them is for a chat
_DROPPED = frozenset(
    {
        "reasoning",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_list_tools",
        "mcp_call",
    }
)


def chat_messages(body: Mapping[str, Any]) -> Conversation:
    """Return the messages for a request's `instructions` and `input`; raise ValidationError for unknown items."""
    messages = Conversation()
    if instructions := body.get("instructions"):
        messages.append({"role": "system", "content": chat_content(instructions, "The instructions")})
    given = body["input"]
    if isinstance(given, str):
        messages.append({"role": "user", "content": given})
        return messages
    for index, item in enumerate(given):
        _add(messages, item, f"Item {index}")
    if not messages:
        raise invalid_input("The input has nothing to respond to; send at least one message.")
    return move_media(messages)


def _add(messages: Conversation, item: Mapping[str, Any], where: str) -> None:
    kind = item.get("type") or ("message" if "role" in item else None)
    if kind in _DROPPED:
        return
    if kind == "item_reference":
        raise invalid_input(f"{where}: this service stores no items; send the item itself instead of a reference.")
    add = _ADD.get(kind) if isinstance(kind, str) else None
    if add is None:
        raise invalid_input(f"{where}: items of the type {str(kind)[:50]!r} are not supported. {_ADVICE}")
    add(messages, item, where)


def _add_message(messages: Conversation, item: Mapping[str, Any], where: str) -> None:
    role = item.get("role")
    if role not in ROLES:
        raise invalid_input(f"{where}: its role must be one of {', '.join(ROLES)}.")
    if role != "assistant":
        messages.append({"role": role, "content": chat_content(item.get("content"), where)})
        return
    text = text_content(item.get("content"), where)
    last = messages[-1] if messages else {}
    if "tool_calls" in last:
        # the outputs of its calls follow, and nothing may stand before them
        last["content"] = (last["content"] or "") + text
    else:
        messages.append({"role": "assistant", "content": text})


def _add_function_call(messages: Conversation, item: Mapping[str, Any], where: str) -> None:
    _add_call(messages, item, _text(item, "arguments", where), where)


def _add_custom_call(messages: Conversation, item: Mapping[str, Any], where: str) -> None:
    arguments = orjson.dumps({CUSTOM_ARGUMENT: _text(item, "input", where)}).decode()
    _add_call(messages, item, arguments, where)


def _add_call(messages: Conversation, item: Mapping[str, Any], arguments: str, where: str) -> None:
    call_id, name = _text(item, "call_id", where), function_name(_text(item, "name", where), item.get("namespace"))
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", []).append(call)


def _add_output(messages: Conversation, item: Mapping[str, Any], where: str) -> None:
    call_id, content = _text(item, "call_id", where), chat_content(item.get("output"), where)
    messages.append({"role": "tool", "tool_call_id": call_id, "content": content})


def _text(item: Mapping[str, Any], name: str, where: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise invalid_input(f"{where}: its {name} must be a string.")
    return value


_ADD: Mapping[str, Callable[[Conversation, Mapping[str, Any], str], None]] = {
    "message": _add_message,
    "function_call": _add_function_call,
    "function_call_output": _add_output,
    "custom_tool_call": _add_custom_call,
    "custom_tool_call_output": _add_output,
}
