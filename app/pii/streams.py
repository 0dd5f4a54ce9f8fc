"""Restores placeholders in the chunks of streams; text that may begin a placeholder waits for the next chunk."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Any

from app.pii.restoring import Restorer, StreamRestorer, looks_like_json

# fields that each chunk carries in full
_COMPLETE = frozenset({"role", "index", "id", "type", "name", "finish_reason"})
_ARGUMENTS = frozenset({"arguments", "partial_json"})
# the place of a text in the output
_PLACES = ("output_index", "content_index", "summary_index")
_Path = tuple[Hashable, ...]


class ChunkRestorer:
    """Restores the texts of all choices of one stream; leaves out log-probabilities, whose tokens are placeholders."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._streams: defaultdict[int, dict[_Path, StreamRestorer]] = defaultdict(dict)

    def restore(self, index: int, part: dict[str, Any], *, is_finished: bool) -> bool:
        """Restore the part of a choice; return whether it changed. A finished one gets all that was held back."""
        restored = self._restored(self._streams[index], part, ())
        if restored.get("logprobs"):
            restored["logprobs"] = None
        if is_finished:
            self.finish(index, restored)
        changed = bool(restored != part)
        part.clear()
        part.update(restored)
        return changed

    def finish(self, index: int, part: dict[str, Any]) -> None:
        """Add all that was held back to the part of a choice."""
        for path, stream in self._streams.pop(index, {}).items():
            if rest := stream.finish():
                _append(part, path, rest)

    def _restored(self, streams: dict[_Path, StreamRestorer], value: Any, path: _Path) -> Any:
        if isinstance(value, str):
            if path not in streams:
                streams[path] = StreamRestorer(self._restorer, is_json=path[-1] in _ARGUMENTS)
            return streams[path].feed(value)
        if isinstance(value, dict):
            return {
                name: item if name in _COMPLETE or name == "logprobs" else self._restored(streams, item, (*path, name))
                for name, item in value.items()
            }
        if isinstance(value, list):
            # a text in a list has no name under which the next chunk could continue it
            return [
                self._restorer.text(item)
                if isinstance(item, str)
                else self._restored(streams, item, (*path, _number(item, position)))
                for position, item in enumerate(value)
            ]
        return value


class EventRestorer:
    """Restores the events of the Responses API: texts in fragments (`delta`), and complete ones in all other fields."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._streams: dict[_Path, tuple[StreamRestorer, Mapping[str, Any]]] = {}

    def restore(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the restored event, after one with the text that was held back where its text is complete."""
        kind, delta = str(event["type"]), event.get("delta")
        name, _, step = kind.rpartition(".")
        key = name, event.get("item_id"), *(event.get(place) for place in _PLACES)
        if step == "delta" and isinstance(delta, str):
            is_json = "arguments" in name
            stream, _ = self._streams.setdefault(key, (StreamRestorer(self._restorer, is_json=is_json), event))
            return [{**_without_logprobs(event), "delta": stream.feed(delta)}]
        last = self._last_delta(key) if step == "done" else []
        return [*last, restored_value(dict(event), self._restorer)]

    def _last_delta(self, key: _Path) -> list[dict[str, Any]]:
        if key not in self._streams:
            return []
        stream, event = self._streams.pop(key)
        rest = stream.finish()
        return [{**_without_logprobs(event), "delta": rest}] if rest else []


def restored_value(value: Any, restorer: Restorer, *, is_json: bool = False) -> Any:
    """Return a JSON value with the texts restored, and without log-probabilities; with `is_json` its texts are JSON."""
    if isinstance(value, str):
        return restorer.text(value, is_json=is_json or looks_like_json(value))
    if isinstance(value, list):
        return [restored_value(item, restorer) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _no_logprobs(item) if name == "logprobs" else restored_value(item, restorer, is_json=name in _ARGUMENTS)
        for name, item in value.items()
    }


def _no_logprobs(value: Any) -> list[Any] | None:
    """Return the value of a response without log-probabilities: a list in the Responses API, null elsewhere."""
    return [] if isinstance(value, list) else None


def _without_logprobs(event: Mapping[str, Any]) -> dict[str, Any]:
    return {**event, "logprobs": []} if event.get("logprobs") else dict(event)


def _number(item: Any, position: int) -> Any:
    return item.get("index", position) if isinstance(item, dict) else position


def _append(part: Any, path: _Path, text: str) -> None:
    """Add a text at a path of fields, and of the indices of a list's objects."""
    name, *rest = path
    if isinstance(part, list):
        entry = next((item for item in part if isinstance(item, dict) and item.get("index") == name), None)
        if entry is None:
            entry = {"index": name}
            part.append(entry)
        _append(entry, tuple(rest), text)
    elif not rest:
        part[name] = (part.get(name) or "") + text
    else:
        if not isinstance(part.get(name), dict | list):
            part[name] = {} if isinstance(rest[0], str) else []
        _append(part[name], tuple(rest), text)
