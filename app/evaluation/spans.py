"""Scores of spans in texts, such as entities and personal data."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.evaluation.classes import ClassScores, class_scores


@dataclass(frozen=True, order=True)
class Span:
    """A part of a text: offsets in code points, the end exclusive, and its type in lower case."""

    start: int
    end: int
    type: str

    def overlaps(self, other: "Span") -> bool:
        """Return whether both have the same type and a common character."""
        return self.type == other.type and self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class SpanScores:
    """The scores of all spans together and of each type, for equal spans; `overlapping` accepts other borders."""

    total: ClassScores
    types: Sequence[ClassScores]
    overlapping: ClassScores
    left_out: int


def span_scores(pairs: Iterable[tuple[Sequence[Span], Sequence[Span]]]) -> SpanScores:
    """Compare the right spans of each text with the predicted ones.

    A span is right if type and borders are equal, as in the shared task of CoNLL-2003. Predicted spans of a type that
    the file never uses are left out and counted in `left_out`.
    """
    found = list(pairs)
    known = {span.type for right, _ in found for span in right}
    support = Counter(span.type for right, _ in found for span in right)
    predicted: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    near_right = near_predicted = left_out = 0
    for right, spans in found:
        kept = [span for span in dict.fromkeys(spans) if span.type in known]
        left_out += len(spans) - len(kept)
        predicted.update(span.type for span in kept)
        hits.update(span.type for span in set(kept) & set(right))
        near_right += sum(any(span.overlaps(other) for other in kept) for span in right)
        near_predicted += sum(any(span.overlaps(other) for other in right) for span in kept)
    count, size = predicted.total(), support.total()
    near = ClassScores(
        "all, overlapping", near_predicted / count if count else 0.0, near_right / size if size else 0.0, size
    )
    types = [class_scores(name, hits[name], predicted[name], support[name]) for name in sorted(known)]
    return SpanScores(class_scores("all", hits.total(), count, size), types, near, left_out)
