"""`ai-huggingface evaluate`: scores an operation on labelled texts."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from app.cli.local_service import StartFailed, local_service
from app.cli.progress import Progress
from app.evaluation.calibrate import CannotCalibrate
from app.evaluation.calibration_file import write_calibrations
from app.evaluation.client import Client
from app.evaluation.printed import as_json, lines
from app.evaluation.report import report
from app.evaluation.rows import InvalidFile
from app.evaluation.run import CannotRun
from app.evaluation.session import Outcome, Request, evaluate
from app.evaluation.tasks import TASKS


def run(given: argparse.Namespace) -> int:
    """Evaluate and print; return 1 if a text has no result, a file or the service fails, or the figure is too low."""
    if given.operation not in TASKS:
        given.parser.error(f"the operation must be one of {', '.join(TASKS)}")
    try:
        return _write(given, _evaluate(given))
    except (InvalidFile, CannotRun, CannotCalibrate, StartFailed) as error:
        print(error, file=sys.stderr)
    except OSError as error:  # a report or a calibration that cannot be written
        print(f"{error.filename}: {error.strerror}.", file=sys.stderr)
    return 1


def _evaluate(given: argparse.Namespace) -> Outcome:
    request = Request(
        given.operation,
        given.file,
        given.results or given.file.with_name(given.file.name + ".results.jsonl"),
        given.text_column,
        given.label_column,
        dict(_pairs(given, given.map, "--map")),
        _options(given),
        given.texts,
    )
    rows = request.read()
    with nullcontext(given.url) if given.url else local_service() as url, Progress(sys.stderr) as progress:
        return evaluate(request, rows, Client(url, given.key), progress.show)


def _options(given: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of every request."""
    options: dict[str, Any] = {name: _value(text) for name, text in _pairs(given, given.option, "--option")}
    if given.labels:
        options["labels"] = [label.strip() for label in given.labels.split(",")]
    if given.model:
        options["model"] = given.model
    return options


def _pairs(given: argparse.Namespace, texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    found = [text.partition("=") for text in texts]
    if not all(name and separator for name, separator, _ in found):
        given.parser.error(f"{option} must be NAME=VALUE")
    return [(name, value) for name, _, value in found]


def _value(text: str) -> Any:
    """Return a value that is JSON, or a file of JSON after @; another text is itself."""
    try:
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except ValueError:
        return text


def _write(given: argparse.Namespace, outcome: Outcome) -> int:
    """Print the outcome and write its files; return the exit status."""
    print(*[json.dumps(as_json(outcome), indent=2)] if given.json else lines(outcome), sep="\n")
    if given.report:
        given.report.write_text(report(outcome), encoding="utf-8")
    if given.calibrate:
        print(*write_calibrations(given.calibrate, outcome), sep="\n", file=sys.stderr)
    if outcome.evaluation is None:
        return 1
    name, value = outcome.evaluation.main
    if value < given.min_accuracy:
        print(f"{name} is {value:.4f}, and --min-accuracy is {given.min_accuracy}.", file=sys.stderr)
        return 1
    return int(bool(outcome.faults))
