"""Combines the chunks of a stream into one complete response of OpenAI's API."""

from collections import defaultdict
from typing import Any

from app.backends.responses.split_characters import COMPLETE_FIELDS


class CompletionAccumulator:
    """Accumulates the chunks of one response. Unknown fields stay: strings are joined, else the last value wins."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, payload: dict[str, Any]) -> None:
        """Add one chunk."""
        for choice in payload["choices"]:
            self._choices.setdefault(choice["index"], _Choice()).add(choice)
        self._fields |= {name: value for name, value in payload.items() if name != "choices" and value is not None}

    def completion(self) -> dict[str, Any]:
        """Return the complete response."""
        return {**self._fields, "choices": [self._choices[index].complete() for index in sorted(self._choices)]}


class _Fields:
    """Fields that arrive in fragments: strings are joined, else the last value that is not null wins."""

    def __init__(self) -> None:
        self._fragments: defaultdict[str, list[str]] = defaultdict(list)
        self._values: dict[str, Any] = {}

    def add(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if isinstance(value, str) and name not in COMPLETE_FIELDS:
                self._fragments[name].append(value)
            elif value is not None or name not in self._values:
                self._values[name] = value

    def complete(self) -> dict[str, Any]:
        return self._values | {name: "".join(fragments) for name, fragments in self._fragments.items()}


class _Call:
    """A tool call: the texts in its objects are joined too, such as the arguments in `function`."""

    def __init__(self) -> None:
        self._fields = _Fields()
        self._objects: defaultdict[str, _Fields] = defaultdict(_Fields)

    def add(self, call: dict[str, Any]) -> None:
        for name, value in call.items():
            if isinstance(value, dict):
                self._objects[name].add(value)
            elif name != "index":
                self._fields.add({name: value})

    def complete(self) -> dict[str, Any]:
        return self._fields.complete() | {name: fields.complete() for name, fields in self._objects.items()}


class _Choice:
    def __init__(self) -> None:
        self._fields = _Fields()
        self._message = _Fields()
        self._calls: defaultdict[int, _Call] = defaultdict(_Call)
        self._function_call = _Call()
        self._logprobs: dict[str, Any] = {}
        self._is_chat = False

    def add(self, choice: dict[str, Any]) -> None:
        delta, logprobs = choice.get("delta"), choice.get("logprobs")
        self._fields.add({name: value for name, value in choice.items() if name not in ("delta", "logprobs")})
        if isinstance(logprobs, dict):
            self._add_logprobs(logprobs)
        if isinstance(delta, dict):
            self._is_chat = True
            self._message.add({name: value for name, value in delta.items() if name != "tool_calls"})
            if isinstance(call := delta.get("function_call"), dict):
                self._function_call.add({"function_call": call})
            for call in delta.get("tool_calls") or ():
                self._calls[call["index"]].add(call)

    def complete(self) -> dict[str, Any]:
        choice = {"index": 0, **self._fields.complete(), "logprobs": self._logprobs or None}
        if not self._is_chat:
            return choice
        message = {"role": "assistant", "content": None, **self._message.complete(), **self._function_call.complete()}
        if self._calls:
            message["tool_calls"] = [call.complete() for call in self._calls.values()]
        return {**choice, "message": message}

    def _add_logprobs(self, logprobs: dict[str, Any]) -> None:
        for name, value in logprobs.items():
            known = self._logprobs.get(name)
            if isinstance(known, list) and isinstance(value, list):
                known += value
            elif value is not None or name not in self._logprobs:
                self._logprobs[name] = value
