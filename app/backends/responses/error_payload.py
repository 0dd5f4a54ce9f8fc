"""Reads the error payloads of all dialects: text, status, code, type, parameter and time to come back."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.backends.responses.error_words import CODE_BY_TYPE, STATUS_BY_WORD

# read from the upstream's text before private parts are removed
REASON_READ_CHARS = 1000
# also the number of items that are read from a list
REASON_MAX_DEPTH = 8
NAME_MAX_CHARS = 100

_REASON_KEYS = ("error", "message", "error_description", "detail", "msg", "errors", "issues", "title")
_INNER_KEYS = ("error", "errors", "message", "detail")
# Azure's cause, OpenRouter's facts of the provider, Google's list of facts
_NESTED_KEYS = ("innererror", "metadata", "details")
_STATUS_KEYS = (
    "status_code", "http_status_code", "http_status", "http_code", "statusCode", "code", "status", "error",
)  # fmt: skip
# a number, or one with a name in front or behind: `HTTP_429`, `429 Too Many Requests`
_STATUS = re.compile(r"(?:(?:http|error|status)[ _-]?)?([45]\d\d)(?: [A-Za-z -]{1,40})?", re.IGNORECASE)
_WORD_KEYS = ("code", "type", "status", "error_type", "error_code", "reason", "error")
_WORD = re.compile(r"[A-Za-z][\w. -]{1,79}")
_SEPARATOR = re.compile(r"[. -]")
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


@dataclass(frozen=True)
class ErrorPayload:
    """The payload of an error, of any JSON type; None if there is none."""

    payload: Any

    @cached_property
    def reason(self) -> str:
        """The error's text, from the field that this dialect has for it; "" without one."""
        return _reason(self.payload)[:REASON_READ_CHARS]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The codes and types, in snake case: `RateLimitError` and `Rate limit error` are `rate_limit_error`."""
        values = (item.get(key) for item in self._objects for key in _WORD_KEYS)
        return tuple(
            _SEPARATOR.sub("_", _CAMEL_CASE.sub("_", value)).lower()
            for value in values
            if isinstance(value, str) and _WORD.fullmatch(value)
        )

    @property
    def status(self) -> int | None:
        """The HTTP status that the payload stands for: a number if it has one, else that of its first known word."""
        for item in self._objects:
            for key in _STATUS_KEYS:
                if (status := _status(item.get(key))) is not None:
                    return status
        return next((STATUS_BY_WORD[word] for word in self.words if word in STATUS_BY_WORD), None)

    @property
    def code(self) -> str | None:
        """The upstream's `code`, if it is a text; OpenAI's own for llama.cpp's context that is too small."""
        return self._name("code") or CODE_BY_TYPE.get(self._name("type"))

    @property
    def type(self) -> str | None:
        """The upstream's `type`, if it is a text."""
        return self._name("type")

    @property
    def param(self) -> str | None:
        """The upstream's `param`, if it is a text."""
        return self._name("param")

    @property
    def retry_after(self) -> float | None:
        """The seconds until the upstream expects to respond: hf-inference's `estimated_time`, Google's `retryDelay`."""
        for item in self._objects:
            estimated = item.get("estimated_time")
            if isinstance(estimated, int | float) and not isinstance(estimated, bool):
                return float(estimated) if math.isfinite(estimated) and estimated >= 0 else None
            delay = item.get("retryDelay")
            if isinstance(delay, str) and (match := _SECONDS.fullmatch(delay)):
                return float(match[1])
        return None

    @property
    def is_moderated(self) -> bool:
        """Whether the payload has the facts of a moderation: OpenRouter's, or a flag."""
        return any(
            item.get("flagged_input") or item.get("flagged") is True or _is_list_of_texts(item.get("reasons"))
            for item in self._objects
        )

    @property
    def refused_fields(self) -> tuple[str, ...]:
        """The names of request fields in structured reasons: `param`, pydantic's `loc`, Google's `field`, or keys."""
        names = [_text(item.get(key)) for item in self._objects for key in ("param", "field", "loc")]
        violations = [item.get("fieldViolations") for item in self._objects]
        names += [_text(item.get("field")) for violation in violations for item in _dicts(violation)]
        by_field = (item.get(key) for item in self._objects[:2] for key in ("details", "errors", "detail"))
        names += [name for fields in by_field if isinstance(fields, dict) for name in fields]
        return tuple(filter(None, names))

    def _name(self, key: str) -> str | None:
        values = [item.get(key) for item in self._objects[:2]]
        return next((value[:NAME_MAX_CHARS] for value in values if isinstance(value, str) and value), None)

    @cached_property
    def _objects(self) -> list[dict[str, Any]]:
        """The objects of the error: the inner one, the payload itself, and those nested in the inner one."""
        outer = next(_dicts(self.payload), {})
        inner = [item for key in _INNER_KEYS for item in _dicts(outer.get(key))] or [outer]
        first = inner[0]
        nested = [item for key in (*_NESTED_KEYS, *_INNER_KEYS) for item in _dicts(first.get(key))]
        return [first, outer, *inner[1:], *nested]


def has_error(payload: dict[str, Any]) -> bool:
    """Return whether a payload of a response with status 200, or an event of a stream, carries an error.

    An `error` that is null or empty, in whatever form, is none. Without `error` a text that explains itself is one if
    a status or a known code stands beside it.
    """
    if error := payload.get("error"):
        return _says_something(error)
    if payload.get("object") == "error":
        return True
    if "choices" in payload or not any(isinstance(payload.get(key), str | list) for key in _REASON_KEYS):
        return False
    return ErrorPayload(payload).status is not None


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_says_something, value.values()))
    return any(map(_says_something, value)) if isinstance(value, list) else bool(value)


def _reason(payload: Any, depth: int = REASON_MAX_DEPTH) -> str:
    if isinstance(payload, str):
        text = payload[:REASON_READ_CHARS]
        return " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if isinstance(payload, list) and depth:
        return "; ".join(filter(None, (_reason(item, depth - 1) for item in payload[:REASON_MAX_DEPTH])))
    if isinstance(payload, dict) and depth:
        reason = next(filter(None, (_reason(payload.get(key), depth - 1) for key in _REASON_KEYS)), "")
        return reason or _field_errors(payload, depth)
    return ""


def _field_errors(payload: dict[str, Any], depth: int) -> str:
    """Return the reasons of an object that lists them under the names of fields, as Django and ASP.NET do."""
    fields = [(name, value) for name, value in payload.items() if isinstance(value, list | dict)]
    reasons = [
        f"{_reason(name)}: {reason}"
        for name, value in fields[:REASON_MAX_DEPTH]
        if name not in _REASON_KEYS and (reason := _reason(value, depth - 1))
    ]
    return "; ".join(reasons)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a value that is an object or a list of objects."""
    items = value[:REASON_MAX_DEPTH] if isinstance(value, list) else [value]
    return (item for item in items if isinstance(item, dict))


def _status(value: Any) -> int | None:
    if isinstance(value, str) and (match := _STATUS.fullmatch(value)):
        return int(match[1])
    return value if type(value) is int and 400 <= value < 600 else None


def _text(value: Any) -> str:
    """Return a name, or a path of names as one text; "" for another value."""
    if isinstance(value, list):
        return ".".join(item for item in value[:REASON_MAX_DEPTH] if isinstance(item, str))
    return value[:REASON_READ_CHARS] if isinstance(value, str) else ""


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
