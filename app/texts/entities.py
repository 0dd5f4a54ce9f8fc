"""Entities: names, dates, amounts and addresses in a text, and how findings of several sources become one list."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

TYPES = (
    "person",
    "organization",
    "place",
    "date",
    "time",
    "money",
    "percent",
    "quantity",
    "number",
    "product",
    "event",
    "work",
    "law",
    "language",
    "nationality",
    "email",
    "url",
    "phone",
    "other",
)


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a text with its type, one of TYPES; `start` and `end` are offsets in code points.

    `score` is the probability by the model, None if the source has none.
    """

    type: str
    start: int
    end: int
    score: float | None = None


def combined(*sources: Iterable[Entity]) -> list[Entity]:
    """Return the entities of all sources in the order of the text; where some overlap, the earlier one stays."""
    taken = Spans()
    found = [entity for source in sources for entity in source if taken.add(entity.start, entity.end)]
    return sorted(found, key=lambda entity: entity.start)


class Spans:
    """Parts of a text that do not overlap."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def add(self, start: int, end: int) -> bool:
        """Take a part; return False for an empty one, or if it overlaps with parts taken before."""
        positions = range(start, end)
        if not positions or not self._taken.isdisjoint(positions):
            return False
        self._taken.update(positions)
        return True


def trimmed(text: str, entity: Entity) -> Entity | None:
    """Return an entity without white space and quotes around it; None if nothing is left, or it is outside."""
    if not 0 <= entity.start < entity.end <= len(text):
        return None
    part = text[entity.start : entity.end]
    start = entity.start + len(part) - len(part.lstrip(_AROUND))
    end = entity.end - (len(part) - len(part.rstrip(_AROUND)))
    return Entity(entity.type, start, end, entity.score) if start < end else None


def occurrences(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Return where a part stands in a text, as whole words if it begins and ends with a letter or digit of ASCII."""
    if not part:
        return
    before = r"(?<!\w)" if part[0].isascii() and part[0].isalnum() else ""
    after = r"(?!\w)" if part[-1].isascii() and part[-1].isalnum() else ""
    for match in re.finditer(before + re.escape(part) + after, text):
        yield match.span()


def located(text: str, findings: Sequence[tuple[str, str]]) -> list[Entity]:
    """Return the entities of texts and types that a model wrote: each place where the text has them.

    Longer texts take their places first. What the text does not have is left out.
    """
    taken, found = Spans(), []
    for part, kind in sorted(dict.fromkeys(findings), key=lambda finding: -len(finding[0])):
        found += [Entity(kind, start, end) for start, end in occurrences(text, part.strip()) if taken.add(start, end)]
    return sorted(found, key=lambda entity: entity.start)


def of_types(entities: Iterable[Entity], types: Collection[str]) -> list[Entity]:
    """Return the entities of some types, of all types if there are none."""
    return [entity for entity in entities if not types or entity.type in types]


_AROUND = " \t\r\n\"'“”‘’«»„,;:()[]"
