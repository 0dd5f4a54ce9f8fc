"""Puts the chunks of a stream together again: a whole answer of OpenAI's API."""

from collections import defaultdict
from typing import Any

# of what comes in pieces, these are whole in each piece
_WHOLE = frozenset({"role", "index", "id", "type", "name", "finish_reason"})


class CompletionAccumulator:
    """A whole answer in the making. Unknown fields are kept: texts are joined, of others the last one counts."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, payload: dict[str, Any]) -> None:
        """Take one chunk in."""
        for choice in payload["choices"]:
            self._choices.setdefault(choice["index"], _Choice()).add(choice)
        self._answer |= {name: value for name, value in payload.items() if name != "choices" and value is not None}

    def answer(self) -> dict[str, Any]:
        """Return the answer."""
        return {**self._answer, "choices": [self._choices[index].choice() for index in sorted(self._choices)]}


class _Pieces:
    """Fields that come in pieces: texts are joined, of others the last that is not null counts."""

    def __init__(self) -> None:
        self._texts: defaultdict[str, list[str]] = defaultdict(list)
        self._others: dict[str, Any] = {}

    def add(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if isinstance(value, str) and name not in _WHOLE:
                self._texts[name].append(value)
            elif value is not None or name not in self._others:
                self._others[name] = value

    def whole(self) -> dict[str, Any]:
        return self._others | {name: "".join(pieces) for name, pieces in self._texts.items()}


class _Choice:
    def __init__(self) -> None:
        self._fields = _Pieces()
        self._message = _Pieces()
        self._calls: dict[Any, tuple[_Pieces, _Pieces]] = {}
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
            for call in delta.get("tool_calls") or ():
                self._add_call(call)

    def choice(self) -> dict[str, Any]:
        whole = {"index": 0, **self._fields.whole(), "logprobs": self._logprobs or None}
        if not self._is_chat:
            return whole
        message = {"role": "assistant", "content": None, **self._message.whole()}
        if self._calls:
            message["tool_calls"] = [
                {**call.whole(), "function": function.whole()} for call, function in self._calls.values()
            ]
        return {**whole, "message": message}

    def _add_call(self, call: dict[str, Any]) -> None:
        fields, function = self._calls.setdefault(call["index"], (_Pieces(), _Pieces()))
        fields.add({name: value for name, value in call.items() if name not in ("function", "index")})
        function.add(call["function"])

    def _add_logprobs(self, logprobs: dict[str, Any]) -> None:
        for name, value in logprobs.items():
            known = self._logprobs.get(name)
            if isinstance(known, list) and isinstance(value, list):
                known += value
            elif value is not None or name not in self._logprobs:
                self._logprobs[name] = value
