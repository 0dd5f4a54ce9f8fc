"""Measures sections against a running service."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.evaluation.client import Client
from app.evaluation.evaluation import Case
from app.evaluation.printed import as_json, lines
from app.evaluation.rows import Row
from app.evaluation.session import Outcome, Request, evaluate
from scripts.quality.baselines import overlap_ranking
from scripts.quality.sections import Record, Section

DIGITS = 4


def measure(section: Section, url: str, step: int = 1) -> dict[str, Any]:
    """Return the figures of a section, on each `step`-th of its texts, and the lines that the command prints."""
    records = list(section.records())[::step]
    with TemporaryDirectory() as folder:
        request = _request(section, records, Path(folder))
        rows = request.read()
        # models are loaded at their first use
        evaluate(replace(request, results=Path(folder, "first.jsonl")), rows[:1], Client(url, None), _ignore)
        outcome = evaluate(request, rows, Client(url, None), _ignore)
    found = as_json(outcome)
    return _rounded(
        {
            **found,
            "rate": outcome.rate,
            "methods": _methods(section, request, rows),
            "groups": _groups(outcome, records),
            "printed": "\n".join(lines(outcome)),
        }
    )


def _ignore(_done: int, _total: int) -> None:
    """Show no progress."""


def _request(section: Section, records: Sequence[Record], folder: Path) -> Request:
    """Write the records in the form of the command `evaluate`."""
    file = folder / f"{section.name}.jsonl"
    lines = [{name: value for name, value in record.items() if name != "group"} for record in records]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return Request(section.operation, file, folder / "results.jsonl", options=section.options)


def _methods(section: Section, request: Request, rows: Sequence[Row]) -> dict[str, Mapping[str, float]]:
    """Return the figures of the trivial methods."""
    if section.operation == "embeddings":
        return {"words in common": overlap_ranking(rows).figures}
    found = {}
    for name, method in section.methods.items():
        cases = [Case(row, method(row)) for row in rows]
        figures = request.task.score(cases).figures
        # a trivial method has no scores that could be calibrated
        found[name] = {key: value for key, value in figures.items() if key != "expected calibration error"}
    return found


def _groups(outcome: Outcome, records: Sequence[Record]) -> dict[str, tuple[int, float]]:
    """Return the number of texts and the main figure of each group."""
    cases: dict[str, list[Case]] = defaultdict(list)
    for case in outcome.cases:
        cases[records[case.row.line - 1]["group"]].append(case)
    score = outcome.request.task.score
    if outcome.evaluation is not None and outcome.request.task.pairs:  # a group has fewer documents to choose from
        wrong = {mistake.line for mistake in outcome.evaluation.mistakes}
        return {
            group: (len(members), sum(case.row.line not in wrong for case in members) / len(members))
            for group, members in sorted(cases.items())
        }
    return {group: (len(members), score(members).main[1]) for group, members in sorted(cases.items())}


def _rounded(value: Any) -> Any:
    """Return a value of JSON with rounded numbers."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
