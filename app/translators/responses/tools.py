"""Tools of a request, as functions of chat completions, and the input of custom tools in their calls.

A custom tool takes free text. Most servers of chat completions know functions only, so a custom tool becomes a function
with one argument of text.
"""

from collections.abc import Mapping
from typing import Any

from app.errors import ValidationError

CUSTOM_ARGUMENT = "input"
_MODES = ("auto", "none", "required")
_FUNCTION_FIELDS = ("name", "description", "parameters", "strict")


def custom_names(body: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of a request's custom tools."""
    return frozenset(tool["name"] for tool in body.get("tools", ()) if tool.get("type") == "custom")


def chat_tools(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a chat about tools; raise ValidationError for tools that this service cannot run."""
    tools = [
        _chat_tool(tool, index) for index, tool in enumerate(body.get("tools", ())) if not _is_left_out(tool, body)
    ]
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        tools, choice = _allowed(tools, choice), choice.get("mode")
    if not tools:
        return {}
    fields: dict[str, Any] = {"tools": tools}
    if choice is not None:
        fields["tool_choice"] = _chat_choice(choice)
    if "parallel_tool_calls" in body:
        fields["parallel_tool_calls"] = body["parallel_tool_calls"]
    return fields


def _is_left_out(tool: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    return False


def _chat_tool(tool: Mapping[str, Any], index: int) -> dict[str, Any]:
    kind, name = tool.get("type"), tool.get("name")
    if kind not in ("function", "custom"):
        raise _unsupported("tools", f"Tool {index}", kind)
    if not isinstance(name, str) or not name:
        raise ValidationError(details={"tools": [f"Tool {index}: it must have a name beside its type."]})
    if kind == "custom":
        return {"type": "function", "function": _custom_function(tool)}
    function = {field: tool[field] for field in _FUNCTION_FIELDS if tool.get(field) is not None}
    return {"type": "function", "function": function}


def _custom_function(tool: Mapping[str, Any]) -> dict[str, Any]:
    texts = [tool.get("description"), _grammar(tool.get("format"))]
    description = "\n\n".join(text for text in texts if isinstance(text, str) and text)
    argument = {"type": "string", "description": "The complete input of the tool, as plain text."}
    parameters = {
        "type": "object",
        "properties": {CUSTOM_ARGUMENT: argument},
        "required": [CUSTOM_ARGUMENT],
        "additionalProperties": False,
    }
    return {"name": tool["name"], "description": description, "parameters": parameters}


def _grammar(given: Any) -> str | None:
    if not isinstance(given, dict) or given.get("type") != "grammar":
        return None
    return f"The input must match this {given.get('syntax')} grammar:\n{given.get('definition')}"


def _allowed(tools: list[dict[str, Any]], choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = choice.get("tools")
    names = {tool.get("name") for tool in listed if isinstance(tool, dict)} if isinstance(listed, list) else set()
    return [tool for tool in tools if tool["function"]["name"] in names]


def _chat_choice(choice: Any) -> Any:
    if choice in _MODES:
        return choice
    kind, name = (choice.get("type"), choice.get("name")) if isinstance(choice, dict) else (choice, None)
    if kind not in ("function", "custom") or not isinstance(name, str):
        raise _unsupported("tool_choice", "This choice", kind)
    return {"type": "function", "function": {"name": name}}


def _unsupported(field: str, what: str, kind: Any) -> ValidationError:
    advice = "This service runs no tools itself: declare a function and run it in your client."
    return ValidationError(details={field: [f"{what}: the type {str(kind)[:50]!r} is not supported. {advice}"]})
