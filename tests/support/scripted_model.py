"""A model that obeys: it calls the tools that it is given and fills the schema that it is asked for.

Its messages depend on the request alone, so that two runs of a client can be compared.
"""

import json
import re
from typing import Any

Json = dict[str, Any]

_QUOTES = ("``", "''", "‘’", '""', "“”")
_KEY = re.compile(r"""['"`](\w+)['"`]""")
_NUMBER = re.compile(r"-?\d+")
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
_MIN_WORD = 4  # shorter words of a tool's name say nothing about the request


def message(request: Json) -> Json:
    """Return the assistant's message for a request of the chat route."""
    if tool := _wanted_tool(request):
        return {"role": "assistant", "content": None, "tool_calls": [_tool_call(tool, request)]}
    return {"role": "assistant", "content": _content(request)}


def text_of(content: Any) -> str:
    """Return the text of a message's content, which is a string, a list of parts, or None."""
    if isinstance(content, list):
        return " ".join(part if isinstance(part, str) else (part or {}).get("text") or "" for part in content)
    return content or ""


def count_tokens(text: str) -> int:
    """Return the number of tokens: a word is one."""
    return max(1, len(text.split()))


def instance(schema: Any, prompt: str, name: str = "value", root: Any = None) -> Any:
    """Return a value that a JSON schema allows, from the numbers and quoted texts of the prompt."""
    root = schema if root is None else root
    schema = _resolved(schema, root)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = next(one for one in kind if one != "null") if isinstance(kind, list) else kind
    if kind == "object":
        parts = schema.get("properties", {})
        return {key: instance(parts[key], prompt, key, root) for key in schema.get("required", parts)}
    if kind == "array":
        return [instance(schema.get("items", {}), prompt, name, root)] * max(1, schema.get("minItems", 1))
    return _scalar(kind, prompt, name)


def _scalar(kind: str, prompt: str, name: str) -> Any:
    if kind in ("integer", "number"):
        found = _NUMBER.search(prompt)
        return int(found[0]) if found else 1
    if kind in ("boolean", "null"):
        return True if kind == "boolean" else None
    return _quoted(prompt) or f"a {name}"


def _quoted(prompt: str) -> str:
    """Return the first text in quotation marks, of the first kind of them that the prompt has, or an empty one."""
    found = (re.search(rf"{start}([^{end}\n]+){end}", prompt) for start, end in _QUOTES)
    return next((match[1] for match in found if match), "")


def _resolved(schema: Any, root: Any) -> Json:
    """Follow references, and take the first alternative that is not null."""
    while isinstance(schema, dict):
        if "$ref" in schema:
            target = root
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        elif found := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            schema = next(one for one in found if one.get("type") != "null")
        else:
            return schema
    return {}  # true allows anything


def _prompt(request: Json) -> str:
    """Return the last text of the user; agents put texts of their own before it."""
    contents = [one.get("content") for one in request["messages"] if one["role"] == "user"]
    parts = [part for content in contents for part in (content if isinstance(content, list) else [content])]
    said = (_REMINDER.sub("", text_of([part])).strip() for part in reversed(parts))
    return next(filter(None, said), "")


def _wanted_tool(request: Json) -> Json | None:
    """Return the function to call now, or None for a text.

    A forced one is called. Otherwise each tool is called once: all in their order where the request requires a call,
    and those whose name the prompt mentions where it does not.
    """
    functions = [tool["function"] for tool in request.get("tools") or () if tool.get("type") == "function"]
    choice = request.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        return next(one for one in functions if one["name"] == choice["function"]["name"])
    if choice == "none" or not functions:
        return None
    said = json.dumps([one for one in request["messages"] if one["role"] == "assistant"])
    left = [one for one in functions if one["name"] not in said]
    if choice == "required":
        return (left or functions[-1:])[0]
    answered = request["messages"][-1]["role"] == "tool"
    return None if answered else _mentioned(left, _prompt(request))


def _mentioned(functions: list[Json], prompt: str) -> Json | None:
    """Return the function whose name the prompt has, or a word of its name."""
    named = (one for one in functions if one["name"] in prompt)
    hinted = (one for one in functions if any(word in prompt.lower() for word in _words(one["name"])))
    return next(named, None) or next(hinted, None)


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"\W|_", name.lower()) if len(word) >= _MIN_WORD]


def _tool_call(function: Json, request: Json) -> Json:
    arguments = instance(function.get("parameters") or {"type": "object"}, _prompt(request))
    calls = sum(len(one.get("tool_calls") or ()) for one in request["messages"])
    body = {"name": function["name"], "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{calls}", "type": "function", "function": body}


def _content(request: Json) -> str:
    form, prompt = request.get("response_format") or {}, _prompt(request)
    if form.get("type") == "json_schema":
        return json.dumps(instance(form["json_schema"]["schema"], prompt), ensure_ascii=False)
    if form.get("type") == "json_object":
        return json.dumps({key: f"a {key}" for key in _KEY.findall(prompt)})
    last = request["messages"][-1]
    said = " ".join(_REMINDER.sub("", text_of(last.get("content"))).split()[:40])
    return f"The tool says: {said}" if last["role"] == "tool" else f"You said: {said}"
