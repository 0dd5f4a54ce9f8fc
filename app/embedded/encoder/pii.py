"""Names and addresses of persons, by Rampart (English, German, French, Spanish)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.embedded.encoder.errors import InvalidInput
from app.embedded.encoder.models import Models

# rules with check digits find the other labels better
_TYPES = {
    "GIVEN_NAME": "name",
    "SURNAME": "name",
    **dict.fromkeys(("BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"), "address"),
}
# a place alone is no address: one of these is needed
_STREETS = frozenset({"STREET_NAME", "BUILDING_NUMBER", "SECONDARY_ADDRESS", "ZIP_CODE"})
MIN_SCORE = 0.5
# between the parts of one name or address
_JOINTS = frozenset(" \t\n,.-'’/")
MAX_JOINT_CHARS = 3


@dataclass(frozen=True)
class _Span:
    type: str
    start: int
    end: int
    labels: frozenset[str]
    score: float


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that returns the names and addresses of a text, and its tokens."""
    from app.embedded.encoder.rampart import Rampart

    rampart = models.get(Rampart)

    def run(text: Any, _options: Mapping[str, Any]) -> tuple[Any, int]:
        if not isinstance(text, str):
            raise InvalidInput("Each input must be a text.")
        found, tokens = rampart.find(text)
        spans = [
            _Span(_TYPES[name.label], name.start, name.end, frozenset({name.label}), name.score)
            for name in found
            if name.label in _TYPES and name.score >= MIN_SCORE
        ]
        whole = (_whole_words(text, span) for span in _joined(text, spans))
        complete = [span for span in whole if span and (span.type == "name" or span.labels & _STREETS)]
        return [{"type": one.type, "start": one.start, "end": one.end, "score": one.score} for one in complete], tokens

    return run


def _joined(text: str, spans: Iterable[_Span]) -> Iterator[_Span]:
    """Join neighbours of one type, such as given name and surname, or street and city."""
    current: _Span | None = None
    for span in spans:
        if current and current.type == span.type and _is_joint(text[current.end : span.start]):
            score = min(current.score, span.score)
            current = replace(current, end=span.end, labels=current.labels | span.labels, score=score)
            continue
        if current:
            yield current
        current = span
    if current:
        yield current


def _whole_words(text: str, span: _Span) -> _Span | None:
    """Return the span up to the ends of its words; None if the model took less than a half of them."""
    start, end = span.start, span.end
    while start and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    is_likely = (span.end - span.start) * 2 > end - start
    return replace(span, start=start, end=end) if is_likely else None


def _is_joint(between: str) -> bool:
    return len(between) <= MAX_JOINT_CHARS and set(between) <= _JOINTS
