"""The scores of an operation on a file, in a form that the terminal, the report and scripts share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.evaluation.classes import Bin, ClassScores, Confusion
from app.evaluation.rows import Row

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A labelled text and the service's result for it."""

    row: Row
    result: Result


@dataclass(frozen=True)
class Mistake:
    """A text with a wrong result; `score` is the service's score of that result, None if it has none."""

    line: int
    text: str
    right: str
    predicted: str
    score: float | None


@dataclass(frozen=True)
class Evaluation:
    """The figures of a file, from 0 to 1; the first figure is the main one, which `baseline` has for trivial results.

    `mistakes` begin with the one of the highest score. Classes, confusion and bins are empty if an operation has none.
    """

    figures: Mapping[str, float]
    baseline: Mapping[str, float]
    classes: Sequence[ClassScores] = ()
    confusion: Confusion | None = None
    bins: Sequence[Bin] = ()
    mistakes: Sequence[Mistake] = ()
    notes: Sequence[str] = field(default=())

    @property
    def main(self) -> tuple[str, float]:
        """The name and the value of the main figure."""
        return next(iter(self.figures.items()))


Score = Callable[[Sequence[Case]], Evaluation]


def worst_first(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """Return mistakes by descending score, those without a score last and in the order of the file."""
    return sorted(mistakes, key=lambda one: (-(one.score or 0.0), one.line))
