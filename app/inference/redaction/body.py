"""Replaces personal data in the body of an upstream call by placeholders."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.inference.redaction.split_texts import add_spanning_findings, adjacent_texts
from app.inference.redaction.unscannable import require_scannable_field, require_scannable_text
from app.pii.detector import find_personal_data
from app.pii.findings import Finding, without_overlaps
from app.pii.placeholders import Placeholders, replace_findings

# the name of a model is no text, and another name would be another model
_KEPT = frozenset({"model"})
# below these fields names are those of a schema, or the client's own
_FREE = frozenset(
    {"tools", "functions", "response_format", "format", "metadata", "guided_json", "schema", "grammar", "properties"}
)
# a shorter number is none of the kinds
MIN_NUMBER = 10**8


@dataclass
class RedactedBody:
    """A body with placeholders, and with the fields that the service may take back; the findings are those of texts."""

    body: dict[str, Any]
    added: Mapping[str, Any]
    placeholders: Placeholders
    findings: Mapping[str, list[Finding]] = field(default_factory=dict)

    @property
    def mapping(self) -> Mapping[str, str]:
        """The value of each placeholder."""
        return self.placeholders.mapping


class BodyRedactor:
    """Redacts bodies for the given kinds; `pause` is called after each part of a long text.

    `known` are kinds and values that are replaced wherever they stand.
    """

    def __init__(
        self, kinds: Collection[str], pause: Callable[[], None], known: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._kinds = kinds
        self._pause = pause
        self._known = known

    def redact(self, body: dict[str, Any], added: Mapping[str, Any]) -> RedactedBody:
        """Return the body and the values of `added` with placeholders; both have the same one for a value.

        Raises ValidationError if a part cannot be searched. Equal bodies get equal placeholders.
        """
        found: dict[str, list[Finding]] = {}
        for path, text in (*_texts(body, outermost=True), *_texts(added, outermost=True)):
            if text not in found:
                require_scannable_text(text, path)
                found[text] = self._find(text)
        for parts in adjacent_texts(body):
            add_spanning_findings(parts, found, self._kinds)
        placeholders = Placeholders(found)
        if not any(found.values()):
            return RedactedBody(body, added, placeholders)
        replaced = _Replacement(found, placeholders)
        return RedactedBody(replaced.fields(body), replaced.fields(added), placeholders, found)

    def _find(self, text: str) -> list[Finding]:
        findings = find_personal_data(text, self._kinds, pause=self._pause)
        known = [Finding(kind, *span) for kind, value in self._known for span in _places(value, text)]
        return without_overlaps([*findings, *known]) if known else findings


def _places(value: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a value stands in a text."""
    start = text.find(value)
    while start >= 0:
        yield start, start + len(value)
        start = text.find(value, start + len(value))


@dataclass(frozen=True)
class _Replacement:
    found: Mapping[str, list[Finding]]
    placeholders: Placeholders

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outermost fields of a body; their numbers are parameters."""
        return {
            self._text(name): value if name in _KEPT or isinstance(value, int) else self._value(value)
            for name, value in fields.items()
        }

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {self._text(name): self._value(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item) for item in value]
        if (digits := _digits_of(value)) and self.found[digits]:
            return self._text(digits)
        return value

    def _text(self, text: str) -> str:
        findings = self.found[text]
        return replace_findings(text, findings, self.placeholders.replace) if findings else text


def _texts(value: Any, path: str = "", *, outermost: bool = False, is_free: bool = False) -> Iterator[tuple[str, str]]:
    """Yield each text of a JSON value with its path; raise ValidationError for a field that cannot be searched."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            if not is_free:
                require_scannable_field(name, item, inner)
            yield inner, name
            if not (outermost and (name in _KEPT or isinstance(item, int))):
                yield from _texts(item, inner, is_free=is_free or name in _FREE)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]", is_free=is_free)
    elif digits := _digits_of(value):
        yield path, digits


def _digits_of(value: Any) -> str:
    """Return the digits of a whole number that is long enough; none of other values."""
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return str(int(value)) if is_whole and value >= MIN_NUMBER else ""
