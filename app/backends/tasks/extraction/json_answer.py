"""Finds the JSON object in a model's answer, and reads it without guessing."""

import json
import re
from collections.abc import Iterator
from typing import Any

from app.backends.responses.json_text import replace_halves
from app.backends.tasks.sentiment_from_chat import strip_reasoning
from app.json_numbers import exact_integer

# deeper than any schema that is accepted asks for, unless it refers to itself
MAX_DEPTH = 64
MAX_DIGITS = 100
MAX_QUOTED = 40
_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL)


class AnswerError(ValueError):
    """An answer that holds no JSON object, or an ambiguous one; its text is a sentence for the model."""


def exact(value: Any) -> Any:
    """Return a value of JSON as orjson writes it: with integers beyond 64 bits as fragments of JSON."""
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    return exact_integer(str(value)) if type(value) is int else value


def parse_answer(text: str) -> dict[str, Any]:
    """Return the JSON object of an answer, which may stand in a code block or among other text.

    Integers keep all their digits. Raises AnswerError if there is none, or several, if a name occurs twice in an
    object, and for NaN and Infinity, which JSON does not have (RFC 8259, 4 and 6).
    """
    stripped = strip_reasoning(text).strip().removeprefix("\ufeff")
    for candidate in _candidates(stripped):
        if _depth(candidate) > MAX_DEPTH:
            raise AnswerError(f"The JSON has more than {MAX_DEPTH} levels.")
        try:
            value = _DECODER.decode(candidate)
        except json.JSONDecodeError:
            continue
        if not isinstance(value, dict):
            raise AnswerError("The answer is no JSON object.")
        return {name: replace_halves(item) for name, item in value.items()}
    raise AnswerError("The answer holds no complete JSON object.")


def _candidates(text: str) -> Iterator[str]:
    """Yield the text, its only code block, and its part from the first brace to the last one."""
    yield text
    if len(blocks := _FENCED.findall(text)) == 1:
        yield blocks[0].strip()
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        yield text[start : end + 1]


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise AnswerError(f"The JSON has the name {json.dumps(name[:MAX_QUOTED])} twice in one object.")
        found[name] = value
    return found


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise AnswerError(f"The JSON has an integer of more than {MAX_DIGITS} digits.")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise AnswerError(f"The JSON has a number that is too large, {text[:20]}.")
    return value


def _constant(name: str) -> Any:
    raise AnswerError(f"The JSON has {name}, which is no number of JSON.")


# models write line breaks in texts as they are
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant, strict=False
)
