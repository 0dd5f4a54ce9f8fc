"""Joins characters of which JSON escapes, cut by a tokenizer, put the two halves into different events."""

from collections.abc import Hashable
from typing import Any

from app.backends.responses.json_text import whole_characters

# fields that each event carries in full; the other texts of a choice are fragments
COMPLETE_FIELDS = frozenset({"role", "index", "id", "type", "name", "finish_reason", "logprobs"})
_REPLACEMENT = "\ufffd"

_Path = tuple[Hashable, ...]


class CharacterJoiner:
    """Holds back the first half of a character (a high surrogate) until its field continues, for one choice."""

    def __init__(self) -> None:
        self._held: dict[_Path, str] = {}

    def __bool__(self) -> bool:
        """Whether a half is held back."""
        return bool(self._held)

    def join(self, part: dict[str, Any], *, hold: bool) -> None:
        """Join the halves in all texts of a part; with `hold`, hold back halves at their ends.

        A half that never meets its other one becomes U+FFFD.
        """
        joined = self._joined(part, (), hold=hold)
        part.clear()
        part.update(joined)

    def release(self, part: dict[str, Any]) -> None:
        """Add U+FFFD to the part for each half that is still held back."""
        for name, *rest in self._held:
            addition = _nested(rest)
            value = part.get(str(name))
            part[str(name)] = value + addition if value and isinstance(value, type(addition)) else addition
        self._held.clear()

    def _joined(self, value: Any, path: _Path, *, hold: bool) -> Any:
        if isinstance(value, str):
            return self._join_text(value, path, hold=hold)
        if isinstance(value, dict):
            return {
                whole_characters(name): self._joined(item, (*path, name), hold=hold and name not in COMPLETE_FIELDS)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._joined(item, (*path, _number(item, position)), hold=hold) for position, item in enumerate(value)
            ]
        return value

    def _join_text(self, text: str, path: _Path, *, hold: bool) -> str:
        if not text:
            return text
        text = self._held.pop(path, "") + text
        if hold and "\ud800" <= text[-1] <= "\udbff":
            self._held[path] = text[-1]
            text = text[:-1]
        return whole_characters(text)


def _number(item: Any, position: int) -> Any:
    return item.get("index", position) if isinstance(item, dict) else position


def _nested(path: list[Hashable]) -> Any:
    """Return U+FFFD at the path, in objects and in lists of one object with its index."""
    if not path:
        return _REPLACEMENT
    inner = _nested(path[1:])
    if isinstance(path[0], str):
        return {path[0]: inner}
    return [{"index": path[0], **inner}] if isinstance(inner, dict) else [inner]
