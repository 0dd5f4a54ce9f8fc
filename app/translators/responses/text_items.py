"""Output items of text, and their events as they grow: messages and reasoning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.ids import new_id
from app.translators.responses.event_log import EventLog, delta_head


@dataclass(frozen=True)
class PartKind:
    """A kind of parts: its type, the field of its text, and the names of its events.

    `index` is the name of a part's position in its item. `fields` are what a part has beside its text, and
    `event_fields` what events of its text have.
    """

    type: str
    text_field: str
    text_event: str
    part_event: str
    index: str = "content_index"
    fields: Mapping[str, Any] = field(default_factory=dict)
    event_fields: Mapping[str, Any] = field(default_factory=dict)


TEXT = PartKind(
    "output_text",
    "text",
    "response.output_text",
    "response.content_part",
    fields={"annotations": [], "logprobs": []},
    event_fields={"logprobs": []},
)
REFUSAL = PartKind("refusal", "refusal", "response.refusal", "response.content_part")
REASONING = PartKind("reasoning_text", "text", "response.reasoning_text", "response.content_part")
SUMMARY = PartKind(
    "summary_text", "text", "response.reasoning_summary_text", "response.reasoning_summary_part", "summary_index"
)
_MESSAGE = (TEXT, REFUSAL)


class _Part:
    """A part that grows. `place` is item and position, as its events have them."""

    def __init__(self, kind: PartKind, log: EventLog, place: Mapping[str, Any]) -> None:
        self.kind = kind
        self._log = log
        self._place = place
        self._texts: list[str] = []
        self._logprobs: list[Any] = []
        self._head = delta_head(f"{kind.text_event}.delta", **place, **kind.event_fields)
        log.add(f"{kind.part_event}.added", **place, part=self._complete())

    def add(self, text: str, logprobs: list[Any]) -> None:
        self._texts.append(text)
        if logprobs:
            self._logprobs += logprobs
            self._log.add(f"{self.kind.text_event}.delta", **self._place, delta=text, logprobs=logprobs)
        elif text:
            self._log.add_delta(self._head, text)

    def close(self) -> dict[str, Any]:
        part = self._complete()
        own = {name: part[name] for name in (self.kind.text_field, *self.kind.event_fields)}
        self._log.add(f"{self.kind.text_event}.done", **self._place, **own)
        self._log.add(f"{self.kind.part_event}.done", **self._place, part=part)
        return part

    def _complete(self) -> dict[str, Any]:
        part = {"type": self.kind.type, **self.kind.fields, self.kind.text_field: "".join(self._texts)}
        return {**part, "logprobs": self._logprobs} if self._logprobs else part


class TextItem:
    """A message, or reasoning: an item of parts, of which the last one grows. `kinds` are those of its parts."""

    is_complete = True

    def __init__(self, kind: PartKind, log: EventLog, index: int) -> None:
        self.kinds = _MESSAGE if kind in _MESSAGE else (kind,)
        self._parts: list[dict[str, Any]] = []
        if self.kinds is _MESSAGE:
            self._item: dict[str, Any] = {"id": f"msg_{new_id()}", "type": "message", "role": "assistant"}
            self._item["content"] = self._parts
        else:
            self._item = {"id": f"rs_{new_id()}", "type": "reasoning", "summary": []}
            self._item["summary" if kind is SUMMARY else "content"] = self._parts
        self._log = log
        self._index = index
        self._part: _Part | None = None
        log.add("response.output_item.added", output_index=index, item={**self._item, "status": "in_progress"})

    def add(self, kind: PartKind, text: str, logprobs: list[Any]) -> None:
        """Add text to the last part, or begin a part if that is of another kind."""
        part = self._part
        if part is None or part.kind is not kind:
            part = self._begin(kind)
        part.add(text, logprobs)

    def close(self, status: str) -> dict[str, Any]:
        """End the item and return it."""
        self._end_part()
        item = {**self._item, "status": status}
        self._log.add("response.output_item.done", output_index=self._index, item=item)
        return item

    def _begin(self, kind: PartKind) -> _Part:
        self._end_part()
        place = {"item_id": self._item["id"], "output_index": self._index, kind.index: len(self._parts)}
        self._part = part = _Part(kind, self._log, place)
        return part

    def _end_part(self) -> None:
        if self._part is not None:
            self._parts.append(self._part.close())
            self._part = None
