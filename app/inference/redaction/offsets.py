"""Converts offsets in redacted texts, which models return, to offsets in the texts as they were."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from app.pii.findings import Finding
from app.pii.placeholders import Placeholders

_OFFSETS = ("start", "end")
# start, end and score of a phrase
_PHRASE = (int, int, float)


class Spans:
    """The places of the placeholders in one redacted text."""

    def __init__(self, text: str, findings: Sequence[Finding], placeholders: Placeholders) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._findings = findings
        shift = 0
        for finding in findings:
            placeholder = placeholders.replace(finding.kind, text[finding.start : finding.end])
            self._starts.append(finding.start + shift)
            self._ends.append(finding.start + shift + len(placeholder))
            shift += len(placeholder) - (finding.end - finding.start)

    def start(self, offset: int) -> int:
        """Return the offset of a beginning; in a placeholder, that of the beginning of its value."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return offset
        if offset < self._ends[index]:
            return self._findings[index].start
        return offset - self._ends[index] + self._findings[index].end

    def end(self, offset: int) -> int:
        """Return the offset of an end; in a placeholder, that of the end of its value."""
        index = bisect_left(self._starts, offset) - 1
        if index < 0:
            return offset
        return max(0, offset - self._ends[index]) + self._findings[index].end


def with_original_offsets(payload: Any, inputs: Any, spans: Mapping[str, Spans]) -> Any:
    """Return a pipeline's response with offsets in the `inputs` as they were; None counts as no inputs.

    Inputs are a text, an object with a `context`, or a list of these, whose response is a list too, or an object with
    a list of `outputs`.
    """
    if isinstance(inputs, list):
        if isinstance(payload, dict) and isinstance(outputs := payload.get("outputs"), list):
            return {**payload, "outputs": with_original_offsets(outputs, inputs, spans)}
        if not isinstance(payload, list):
            return payload
        if len(inputs) == 1 and not (len(payload) == 1 and isinstance(payload[0], list)):
            return with_original_offsets(payload, inputs[0], spans)
        return [with_original_offsets(*pair, spans) for pair in zip(payload, inputs, strict=False)]
    text = inputs.get("context") if isinstance(inputs, dict) else inputs
    found = spans.get(text) if isinstance(text, str) else None
    return payload if found is None else _converted(payload, found)


def _converted(value: Any, spans: Spans) -> Any:
    if isinstance(value, list):
        if len(value) > 2 and isinstance(value[0], str) and _are_offsets(value[1:3]):  # type, start, end and score
            return [value[0], spans.start(value[1]), spans.end(value[2]), *value[3:]]
        if len(value) == len(_PHRASE) and tuple(map(type, value)) == _PHRASE:
            return [spans.start(value[0]), spans.end(value[1]), value[2]]
        return [_converted(item, spans) for item in value]
    if not isinstance(value, dict):
        return value
    converted = {name: _converted(item, spans) for name, item in value.items()}
    if _are_offsets([value.get(name) for name in _OFFSETS]):
        converted |= {"start": spans.start(value["start"]), "end": spans.end(value["end"])}
    span = value.get("span")
    if isinstance(span, list) and len(span) == 2 and _are_offsets(span):
        converted["span"] = [spans.start(span[0]), spans.end(span[1])]
    return converted


def _are_offsets(values: list[Any]) -> bool:
    return all(type(value) is int for value in values)
