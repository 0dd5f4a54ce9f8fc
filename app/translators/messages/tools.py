"""Anthropic's tools as functions of chat completions.

Anthropic's models know the tools of the types bash, text_editor and memory, which clients execute. Other models get
their parameters as a JSON Schema: https://docs.claude.com/en/docs/agents-and-tools/tool-use.
"""

from collections.abc import Mapping
from typing import Any

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}

_STRING = {"type": "string"}
_RANGE = {"type": "array", "items": {"type": "integer"}, "description": "The first and the last line, from 1."}


def _commands(names: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    command = {"type": "string", "enum": list(names)}
    return {"type": "object", "properties": {"command": command, **properties}, "required": ["command"]}


_BASH = {
    "description": "Run a command in a bash session that keeps its state, or restart the session.",
    "parameters": {"type": "object", "properties": {"command": _STRING, "restart": {"type": "boolean"}}},
}
_TEXT_EDITOR = {
    "description": "View, create and edit text files.",
    "parameters": _commands(
        ("view", "create", "str_replace", "insert"),
        path=_STRING,
        view_range=_RANGE,
        file_text={"type": "string", "description": "The content of a created file."},
        old_str={"type": "string", "description": "The text to replace, which occurs once."},
        new_str={"type": "string", "description": "The new text of str_replace."},
        insert_line={"type": "integer", "description": "The line after which to insert; 0 is the beginning."},
        insert_text={"type": "string", "description": "The text to insert."},
    ),
}
_MEMORY = {
    "description": "Read and write files below /memories, which stay between conversations.",
    "parameters": _commands(
        ("view", "create", "str_replace", "insert", "delete", "rename"),
        path=_STRING,
        view_range=_RANGE,
        file_text=_STRING,
        old_str=_STRING,
        new_str=_STRING,
        insert_line={"type": "integer"},
        insert_text=_STRING,
        old_path=_STRING,
        new_path=_STRING,
    ),
}
_KNOWN: Mapping[str, Mapping[str, Any]] = {"bash": _BASH, "text_editor": _TEXT_EDITOR, "memory": _MEMORY}


def functions(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tools as functions. The search for tools has none: the model gets all tools at once."""
    found = [_function(tool) for tool in tools]
    return [{"type": "function", "function": function} for function in found if function]


def tool_choice(choice: Mapping[str, Any]) -> Any:
    """Return a choice in the form of chat completions."""
    if choice["type"] == "tool":
        return {"type": "function", "function": {"name": choice["name"]}}
    return _CHOICES[choice["type"]]


def _function(tool: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = tool.get("type") or "custom"
    if kind != "custom":
        known = next((_KNOWN[name] for name in _KNOWN if kind.startswith(name)), None)
        return {"name": tool["name"], **known} if known else None
    optional = {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
    return {"name": tool["name"], **optional, "parameters": tool["input_schema"]}
