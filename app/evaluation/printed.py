"""The outcome of an evaluation as text for a terminal, and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.evaluation.classes import ClassScores, Confusion
from app.evaluation.session import Outcome

MAX_NAMES = 12


def lines(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of an outcome: figures, baseline, classes, confusion matrix, time, tokens, faults."""
    found = outcome.evaluation
    if found is not None:
        yield from table([[name, f"{value:.4f}"] for name, value in found.figures.items()])
        yield from table([[f"baseline: {name}", f"{value:.4f}"] for name, value in found.baseline.items()])
        if found.classes:
            yield ""
            yield from table([["class", "precision", "recall", "F1", "support"], *map(class_cells, found.classes)])
        if found.confusion is not None:
            yield ""
            yield from _confusion(found.confusion)
        yield from found.notes
    yield ""
    yield from facts(outcome)


def facts(outcome: Outcome) -> Iterator[str]:
    """Yield sentences on the run: rows, time, tokens, models, faults."""
    yield f"{outcome.rows} rows; {outcome.texts} texts in {outcome.seconds:.1f} s: {outcome.rate:.1f} texts a second."
    if outcome.tokens:
        yield f"{outcome.tokens} tokens."
    if outcome.models:
        yield f"Model: {', '.join(outcome.models)}."
    for kind, count in sorted(outcome.faults.items()):
        yield f"{count} rows without a result: {kind}."


def class_cells(one: ClassScores) -> list[str]:
    """Return the cells of a class in a table."""
    return [one.name, f"{one.precision:.4f}", f"{one.recall:.4f}", f"{one.f1:.4f}", str(one.support)]


def _confusion(confusion: Confusion) -> Iterator[str]:
    """Yield the matrix; of many classes the most frequent confusions."""
    if len(confusion.names) <= MAX_NAMES:
        head = ["right \\ predicted", *confusion.names]
        rows = [[name, *map(str, row)] for name, row in zip(confusion.names, confusion.counts, strict=True)]
        yield from table([head, *rows])
        return
    pairs = [
        (count, right, predicted)
        for right, row in zip(confusion.names, confusion.counts, strict=True)
        for predicted, count in zip(confusion.names, row, strict=True)
        if count and right != predicted
    ]
    most = sorted(pairs, key=lambda pair: -pair[0])[:MAX_NAMES]
    yield from table([["right", "predicted", "texts"], *([right, predicted, str(n)] for n, right, predicted in most)])


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows with aligned columns; all but the first are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return the figures of an outcome for programs; see Evaluation for their meaning."""
    found = outcome.evaluation
    scores = found and {
        "figures": dict(found.figures),
        "baseline": dict(found.baseline),
        "classes": [
            {"name": one.name, "precision": one.precision, "recall": one.recall, "f1": one.f1, "support": one.support}
            for one in found.classes
        ],
        "confusion": found.confusion and {"names": found.confusion.names, "counts": found.confusion.counts},
    }
    return {
        "operation": outcome.request.operation,
        "rows": outcome.rows,
        "texts": outcome.texts,
        "seconds": outcome.seconds,
        "tokens": outcome.tokens,
        "models": outcome.models,
        "faults": dict(outcome.faults),
        **(scores or {}),
    }
