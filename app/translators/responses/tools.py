"""Tools of a request, as functions of chat completions.

Most servers of chat completions know plain functions only. So a custom tool, which takes free text, becomes a function
with one argument of text, and the tools of a namespace become functions whose names begin with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import ValidationError

CUSTOM_ARGUMENT = "input"
_MODES = ("auto", "none", "required")
_FUNCTION_FIELDS = ("name", "description", "parameters", "strict")
# codex declares this one in each request, beside its functions; only OpenAI's own server can run it
_ALWAYS_DECLARED = ("web_search", "external_web_access")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as the client declared it: a function, or a custom tool, maybe within a namespace."""

    declared: Mapping[str, Any]
    namespace: str | None = None

    @property
    def name(self) -> str:
        """The name that the client knows."""
        return str(self.declared["name"])

    @property
    def is_custom(self) -> bool:
        """Whether the tool takes free text."""
        return self.declared["type"] == "custom"

    @property
    def function_name(self) -> str:
        """The name of the function in the chat."""
        return function_name(self.name, self.namespace)

    @property
    def function(self) -> dict[str, Any]:
        """The function of the chat."""
        if self.is_custom:
            return _custom_function(self.declared, self.function_name)
        fields = {field: self.declared[field] for field in _FUNCTION_FIELDS if self.declared.get(field) is not None}
        return {**fields, "name": self.function_name}


def function_name(name: str, namespace: Any) -> str:
    """Return the name of a function in the chat, with its namespace if it has one."""
    return f"{namespace}__{name}" if isinstance(namespace, str) and namespace else name


def declared_tools(body: Mapping[str, Any]) -> dict[str, Tool]:
    """Return the tools of a request by the names of their functions; raise ValidationError for other kinds of tools."""
    tools = {}
    left_out = []
    for index, tool in enumerate(body.get("tools", ())):
        if tool.get("type") == _ALWAYS_DECLARED[0] and _ALWAYS_DECLARED[1] in tool:
            left_out.append(f"Tool {index}")
        else:
            tools.update({one.function_name: one for one in _read(tool, f"Tool {index}")})
    if left_out and not tools:
        raise _unsupported("tools", left_out[0], _ALWAYS_DECLARED[0])
    return tools


def chat_tools(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a chat about tools; raise ValidationError for tools that this service cannot run."""
    tools, choice = declared_tools(body), body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        if not isinstance(listed := choice.get("tools"), list):
            raise ValidationError(details={"tool_choice": ["It must have the list of allowed tools."]})
        tools, choice = _allowed(tools, listed), choice.get("mode")
    choice = choice if choice is None else _chat_choice(choice)
    if not tools:
        return {}
    fields: dict[str, Any] = {"tools": [{"type": "function", "function": tool.function} for tool in tools.values()]}
    if choice is not None:
        fields["tool_choice"] = choice
    if "parallel_tool_calls" in body:
        fields["parallel_tool_calls"] = body["parallel_tool_calls"]
    return fields


def _read(tool: Mapping[str, Any], where: str, namespace: str | None = None) -> Iterator[Tool]:
    kind, name, inner = tool.get("type"), tool.get("name"), tool.get("tools")
    is_namespace = kind == "namespace" and namespace is None and isinstance(inner, list)
    if kind not in ("function", "custom") and not is_namespace:
        raise _unsupported("tools", where, kind)
    if not isinstance(name, str) or not name:
        raise ValidationError(details={"tools": [f"{where}: it must have a name beside its type."]})
    if not is_namespace:
        yield Tool(tool, namespace)
        return
    for one in inner if isinstance(inner, list) else ():
        yield from _read(one if isinstance(one, dict) else {}, where, name)


def _custom_function(tool: Mapping[str, Any], name: str) -> dict[str, Any]:
    texts = [tool.get("description"), _grammar(tool.get("format"))]
    description = "\n\n".join(text for text in texts if isinstance(text, str) and text)
    argument = {"type": "string", "description": "The complete input of the tool, as plain text."}
    parameters = {
        "type": "object",
        "properties": {CUSTOM_ARGUMENT: argument},
        "required": [CUSTOM_ARGUMENT],
        "additionalProperties": False,
    }
    return {"name": name, **({"description": description} if description else {}), "parameters": parameters}


def _grammar(given: Any) -> str | None:
    if not isinstance(given, dict) or given.get("type") != "grammar":
        return None
    return f"The input must match this {given.get('syntax')} grammar:\n{given.get('definition')}"


def _allowed(tools: dict[str, Tool], listed: list[Any]) -> dict[str, Tool]:
    chosen = [tool for tool in listed if isinstance(tool, dict)]
    names = {function_name(str(tool.get("name")), tool.get("namespace")) for tool in chosen}
    return {name: tool for name, tool in tools.items() if name in names}


def _chat_choice(choice: Any) -> Any:
    if isinstance(choice, str) and choice in _MODES:
        return choice
    kind, name = (choice.get("type"), choice.get("name")) if isinstance(choice, dict) else (choice, None)
    if kind not in ("function", "custom"):
        raise _unsupported("tool_choice", "This choice", kind)
    if not isinstance(name, str):
        raise ValidationError(details={"tool_choice": ["It must have the name of a tool beside its type."]})
    return {"type": "function", "function": {"name": function_name(name, choice.get("namespace"))}}


def _unsupported(field: str, what: str, kind: Any) -> ValidationError:
    advice = "This service runs no tools itself: declare a function, and run it in your client."
    return ValidationError(details={field: [f"{what}: the type {str(kind)[:50]!r} is not supported. {advice}"]})
