"""Reads the right result of a text from the cell of its label; each function raises ValueError for an invalid one."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from app.evaluation.spans import Span

NONE = "none"


def label_of(*known: str, lower: bool = False, may_be_empty: bool = False) -> Callable[[str, Any], str]:
    """Return a reader of single labels: of the known ones if they are given. An empty label is NONE if it may be."""

    def parse(_text: str, cell: Any) -> str:
        if isinstance(cell, bool) or not isinstance(cell, str | int):
            raise ValueError("the label must be a text")
        label = str(cell).strip()
        label = label.lower() if lower else label
        if not label and not may_be_empty:
            raise ValueError("the label is empty")
        if known and label not in known:
            raise ValueError(f"the label {label} is none of {', '.join(known)}; --map renames labels")
        return label or NONE

    return parse


def spans_of(text: str, cell: Any) -> list[Span]:
    """Return spans from a list of {"type", "start", "end"}, {"type", "text"} or [type, start, end], as JSON in a cell.

    A span without offsets is the next occurrence of its text. An empty cell has no spans.
    """
    spans, seen = [], Counter[str]()
    for entry in map(_named, _list_of(cell)):
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
            raise ValueError('a span must be an object with a type: {"type": "person", "text": "Ada"}')
        kind = entry["type"].strip().lower()
        if isinstance(entry.get("start"), int) and isinstance(entry.get("end"), int):
            start, end = entry["start"], entry["end"]
            if not 0 <= start < end <= len(text):
                raise ValueError(f"the span {start} to {end} is outside of the text")
            if entry.get("text", text[start:end]) != text[start:end]:
                raise ValueError(f"the text from {start} to {end} is {text[start:end]!r} and not {entry['text']!r}")
        else:
            start, end = _occurrence(text, entry.get("text"), seen)
        spans.append(Span(start, end, kind))
    return spans


def _named(entry: Any) -> Any:
    """Return a span with the names of its parts."""
    is_triple = isinstance(entry, list) and len(entry) == 3
    return dict(zip(("type", "start", "end"), entry, strict=True)) if is_triple else entry


def _occurrence(text: str, part: Any, seen: Counter[str]) -> tuple[int, int]:
    """Return the offsets of the next occurrence of a part of the text."""
    if not isinstance(part, str) or not part:
        raise ValueError("a span needs its text, or start and end")
    start = -1
    for _ in range(seen[part] + 1):
        start = text.find(part, start + 1)
        if start < 0:
            raise ValueError(f"the text does not contain {part!r} {seen[part] + 1} times")
    seen[part] += 1
    return start, start + len(part)


def answer_of(_text: str, cell: Any) -> str | None:
    """Return an answer; an empty cell or null means that the text has none."""
    if cell is not None and not isinstance(cell, str):
        raise ValueError("the answer must be a text or null")
    return cell.strip() or None if cell else None


def text_of(_text: str, cell: Any) -> str:
    """Return a text that is not empty: a translation, or the right document of a query."""
    if not isinstance(cell, str) or not cell.strip():
        raise ValueError("the label must be a text that is not empty")
    return cell.strip()


def texts_of(_text: str, cell: Any) -> list[str]:
    """Return keywords or facts, from a list or from a text with semicolons between them."""
    if isinstance(cell, str) and not cell.lstrip().startswith("["):
        found: list[Any] = cell.split(";")
    else:
        found = _list_of(cell)
    if not all(isinstance(one, str) for one in found):
        raise ValueError("the label must be a list of texts")
    kept = [one.strip() for one in found if one.strip()]
    if not kept:
        raise ValueError("the label is empty")
    return kept


def data_of(_text: str, cell: Any) -> Any:
    """Return data, as JSON in a cell of a table."""
    return _json(cell) if isinstance(cell, str) else cell


def _list_of(cell: Any) -> list[Any]:
    found = _json(cell) if isinstance(cell, str) and cell.strip() else cell or []
    if not isinstance(found, list):
        raise ValueError("the label must be a list")
    return found


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        raise ValueError("the label must be JSON") from None
