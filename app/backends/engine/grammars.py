"""Bounds grammars and JSON schemas, which llama.cpp expands: a few hundred bytes can block it for hours.

Everything is measured as if it were written out: each reference counts as much as what it refers to, each repetition
as often as it may occur. Measured with SmolLM2 on one thread: sizes at the limits cost
below a second, while a grammar of 2^9 nested choices, or 200 optional parts, blocks the engine.
"""

import math
import re
from typing import Any

import orjson

from app.errors import UpstreamRejected

MAX_BYTES = 32 * 1024
MAX_SIZE = 500
MAX_GRAMMAR_SIZE = 128
MAX_PATTERN_SIZE = 128
MAX_DEPTH = 32

_LITERAL = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*')
_RULE = re.compile(r"^[ \t]*([\w-]+)[ \t]*::=", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_REPETITION = re.compile(r"[?*+]|\{\d*,?\d*\}")
_PATTERN_PART = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|[?*+]\??|\{\d*,?\d*\}|.", re.DOTALL)


def require_bounded_schema(schema: Any) -> None:
    """Raise UpstreamRejected for a JSON schema that would be too expensive for the engine."""
    try:
        size = len(orjson.dumps(schema))
    except TypeError:  # integers of more than 64 bits, or too deep
        size = MAX_BYTES + 1
    if size > MAX_BYTES:
        raise _rejected(f"a JSON schema of more than {MAX_BYTES} bytes, or with integers of more than 64 bits")
    _SchemaSize(schema).measure()


def require_bounded_grammar(grammar: Any) -> None:
    """Raise UpstreamRejected for a GBNF grammar that would be too expensive for the engine."""
    if not isinstance(grammar, str) or len(grammar) > MAX_BYTES:
        raise _rejected(f"a grammar that is no text of at most {MAX_BYTES} characters")
    parts = _RULE.split(_LITERAL.sub(" ", grammar))
    if len(parts) > 2 * MAX_GRAMMAR_SIZE:
        raise _rejected(f"a grammar with more than {MAX_GRAMMAR_SIZE} rules")
    _expanded("root", dict(zip(parts[1::2], parts[2::2], strict=True)), {})


def _expanded(name: str, rules: dict[str, str], sizes: dict[str, int]) -> int:
    """Return the size of a rule written out; raise UpstreamRejected if it is too large or refers to itself."""
    if name not in sizes:
        sizes[name] = MAX_GRAMMAR_SIZE + 1  # a rule that refers to itself has no end
        rule = rules.get(name, "")
        counts = [_repetitions(part) for part in _REPETITION.findall(rule)]
        factor = math.prod(counts) if "(" in rule else max(counts, default=1)
        parts = 1 + sum(_expanded(used, rules, sizes) for used in _NAME.findall(_REPETITION.sub(" ", rule)))
        sizes[name] = factor * parts + sum(counts)
    if sizes[name] > MAX_GRAMMAR_SIZE:
        raise _rejected(f"a grammar with more than {MAX_GRAMMAR_SIZE} parts when written out, or with recursion")
    return sizes[name]


class _SchemaSize:
    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._sizes: dict[str, int] = {}

    def measure(self) -> int:
        return self._size(self._schema, 0)

    def _size(self, schema: Any, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise _rejected(f"a JSON schema with more than {MAX_DEPTH} levels")
        size = 1
        if isinstance(schema, dict):
            size += self._size_of_object(schema, depth)
        elif isinstance(schema, list):
            size += sum(self._size(item, depth + 1) for item in schema)
        if size > MAX_SIZE:
            raise _rejected(f"a JSON schema with more than {MAX_SIZE} parts when it is written out")
        return size

    def _size_of_object(self, schema: dict[str, Any], depth: int) -> int:
        if isinstance(pattern := schema.get("pattern"), str):
            _require_bounded_pattern(pattern)
        nested = [value for name, value in schema.items() if name not in ("$defs", "definitions")]
        size = sum(self._size(value, depth + 1) for value in nested if isinstance(value, dict | list))
        reference = schema.get("$ref")
        return size + (self._size_of_reference(reference, depth) if isinstance(reference, str) else 0)

    def _size_of_reference(self, reference: str, depth: int) -> int:
        """Return the size of a definition; 1 inside itself, since llama.cpp writes each definition once."""
        if reference not in self._sizes:
            self._sizes[reference] = 1
            target = self._schema
            for name in reference.removeprefix("#").strip("/").split("/"):
                target = target.get(name) if isinstance(target, dict) else None
            self._sizes[reference] = self._size(target, depth + 1)
        return self._sizes[reference]


def _require_bounded_pattern(pattern: str) -> None:
    """Raise UpstreamRejected for a regular expression that is too long when its repetitions are written out."""
    sizes = [0]
    last = 0
    for part in _PATTERN_PART.findall(pattern):
        if part == "(":
            sizes.append(0)
            last = 0
        elif part == ")" and len(sizes) > 1:
            last = sizes.pop()
            sizes[-1] += last
        elif _REPETITION.match(part):
            added = last * (_repetitions(part) - 1) + 1
            sizes[-1] += added
            last += added
        else:
            last = 1
            sizes[-1] += 1
    if sum(sizes) > MAX_PATTERN_SIZE or len(sizes) > MAX_DEPTH:
        raise _rejected("a pattern that is too long when its repetitions are written out")


def _repetitions(part: str) -> int:
    return max([1, *(int(count) for count in re.findall(r"\d{1,6}", part))])


def _rejected(reason: str) -> UpstreamRejected:
    return UpstreamRejected(details={"reason": f"The embedded engine does not take {reason}."})
