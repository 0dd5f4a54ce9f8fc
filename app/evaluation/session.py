"""An evaluation from the file to its scores."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.evaluation.client import Client
from app.evaluation.evaluation import Case, Evaluation
from app.evaluation.results_file import Record, ResultsFile
from app.evaluation.rows import Columns, Row, read_rows
from app.evaluation.run import CannotRun, Item, Run
from app.evaluation.tasks import OF_LABEL, TASKS, Task

MAX_TEXTS = 100


@dataclass(frozen=True)
class Request:
    """An evaluation: an operation, a file with its columns, and options of every call.

    `renamed` has other names of labels. `results` is the file that an interrupted run continues.
    """

    operation: str
    file: Path
    results: Path
    text_column: str = "text"
    label_column: str = "label"
    renamed: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    max_texts: int = MAX_TEXTS

    @property
    def task(self) -> Task:
        """The operation's entry in TASKS."""
        return TASKS[self.operation]

    def read(self) -> list[Row]:
        """Return the rows of the file; raise InvalidFile."""
        options = [name for name in self.task.columns if name not in (self.text_column, self.label_column)]

        def parse(text: str, cell: Any) -> Any:
            return self.task.parse(text, self.renamed.get(cell, cell) if isinstance(cell, str) else cell)

        return read_rows(self.file, Columns(self.text_column, self.label_column, options), parse)


@dataclass(frozen=True)
class Outcome:
    """The scores of a run. `faults` counts rows without a result by their error; `evaluation` is None without results.

    `texts` is the number of different texts that were sent, and `seconds` the time of their calls.
    """

    request: Request
    cases: Sequence[Case]
    evaluation: Evaluation | None
    faults: Mapping[str, int]
    texts: int
    seconds: float
    tokens: int
    models: Sequence[str]
    ended: datetime

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.cases) + sum(self.faults.values())

    @property
    def rate(self) -> float:
        """Texts a second."""
        return self.texts / self.seconds if self.seconds else 0.0


def evaluate(request: Request, rows: Sequence[Row], client: Client, on_progress: Callable[[int, int], None]) -> Outcome:
    """Get the results of all rows and score them; raise CannotRun or InvalidFile.

    `on_progress` gets the number of done texts and of all texts.
    """
    rows = _with_options(request, rows)
    groups = request.task.items(request.operation, rows)
    items = [item for group in groups for item in group]
    count = len({item.key for item in items})
    with ResultsFile(request.results) as results:
        run = Run(client, request.task.route, results, lambda done: on_progress(done, count), request.max_texts)
        run.run(items)
        records = results.records
    return _outcome(request, rows, groups, records)


def _with_options(request: Request, rows: Sequence[Row]) -> list[Row]:
    """Return the rows with all options of their requests: those of the row, of every request, and the defaults."""
    task = request.task
    defaults = task.defaults(sorted({row.right for row in rows})) if task.defaults else {}
    return [replace(row, options={**defaults, **request.options, **row.options}) for row in rows]


def _outcome(
    request: Request, rows: Sequence[Row], groups: Sequence[Sequence[Item]], records: Mapping[str, Record]
) -> Outcome:
    """Score the rows that have all their results; the others are faults."""
    cases: list[Case] = []
    faults = Counter[str]()
    for row, items in zip(rows, groups, strict=True):
        found = [records[item.key] for item in items]
        if errors := [record["error"] for record in found if "error" in record]:
            faults[errors[0].get("type", "error")] += 1
        else:
            first, *others = [record["result"] for record in found]
            cases.append(Case(row, {**first, OF_LABEL: others[0]} if others else first))
    try:
        evaluation = request.task.score(cases) if cases else None
    except (LookupError, TypeError) as error:
        raise CannotRun(f"a result of {request.operation} has another form: {error!r}") from None
    used = {item.key: records[item.key] for group in groups for item in group}.values()
    return Outcome(
        request,
        cases,
        evaluation,
        faults,
        len(used),
        sum(record.get("seconds", 0.0) for record in used),
        sum(record.get("tokens", 0) for record in used),
        sorted({case.result["model"] for case in cases if case.result.get("model")}),
        datetime.now(UTC),
    )
