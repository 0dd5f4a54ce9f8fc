"""Reads labelled texts from CSV, TSV and JSON lines; every error names the line."""

import codecs
import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DELIMITERS = (",", ";", "\t", "|")
MAX_ERRORS = 5
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class InvalidFile(Exception):
    """A file of labelled texts cannot be used; the text has a line for each error."""


@dataclass(frozen=True)
class Row:
    """A labelled text: the line on which it ends, the right result, and options of its request."""

    line: int
    text: str
    right: Any
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """The names of the columns or keys: text, label, and those that are options of the request if the file has them."""

    text: str
    label: str
    options: Sequence[str] = ()


# takes the text and the cell of the label; returns the right result, or raises ValueError
Parse = Callable[[str, Any], Any]


def read_rows(path: Path, columns: Columns, parse: Parse) -> list[Row]:
    """Return the rows of a file. Its extension is its form: .csv, .tsv or .jsonl; raises InvalidFile."""
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".jsonl"):
        raise InvalidFile(f"{path} must end in .csv, .tsv or .jsonl.")
    lines = _lines(path)
    records = _json_records(path, lines) if kind == ".jsonl" else _table_records(path, lines, columns)
    rows, errors = [], []
    for number, record in records:
        try:
            rows.append(_row(number, record, columns, parse))
        except ValueError as error:
            errors.append(f"{path}, line {number}: {error}.")
            if len(errors) == MAX_ERRORS:
                break
    if errors:
        raise InvalidFile("\n".join(errors))
    if not rows:
        raise InvalidFile(f"{path} has no rows.")
    return rows


def _lines(path: Path) -> list[str]:
    """Return the lines with their ends, decoded by the byte order mark if there is one. Leading comments are blank."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror}.") from None
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise InvalidFile(f"{path}, line {number}: the file must be in UTF-8.") from None
    # not str.splitlines, which splits at characters that texts contain
    lines = text.split("\n")
    comments = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return ["\n"] * comments + [line + "\n" for line in lines[comments:]]


def _json_records(path: Path, lines: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise InvalidFile(f"{path}, line {number}: each line must be a JSON object.")
        # data files may begin with a line about their source
        if number > 1 or record.keys() not in ({"header"}, {"source"}):
            yield number, record


def _table_records(path: Path, lines: Sequence[str], columns: Columns) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a table as the header names their cells. Only .csv has quotes: see IANA's type for TSV."""
    csv.field_size_limit(sys.maxsize)
    if path.suffix.lower() == ".tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=_delimiter(lines, columns), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(path, reader.line_num, cells, columns)
            elif len(cells) != len(header):
                raise InvalidFile(
                    f"{path}, line {reader.line_num}: {len(cells)} cells, and the header has {len(header)} columns."
                )
            else:
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise InvalidFile(f"{path}, line {reader.line_num}: {error}.") from None


def _delimiter(lines: Sequence[str], columns: Columns) -> str:
    """Return the delimiter with which the header has the columns, else the comma."""
    header = next((line for line in lines if line.strip()), "")
    found = (
        delimiter
        for delimiter in DELIMITERS
        if {columns.text, columns.label} <= {cell.strip() for cell in next(csv.reader([header], delimiter=delimiter))}
    )
    return next(found, ",")


def _header(path: Path, line: int, cells: Sequence[str], columns: Columns) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in (columns.text, columns.label):
        if names.count(name) != 1:
            problem = "is missing" if name not in names else "is there twice"
            raise InvalidFile(
                f"{path}, line {line}: the column {name} {problem}; the columns are {', '.join(names)}. "
                "--text-column and --label-column name others."
            )
    return names


def _row(number: int, record: Mapping[str, Any], columns: Columns, parse: Parse) -> Row:
    for name in (columns.text, columns.label):
        if name not in record:
            raise ValueError(f"the key {name} is missing; the keys are {', '.join(record)}")
    text = record[columns.text]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{columns.text} must be a text that is not empty")
    options = {name: record[name] for name in columns.options if record.get(name) not in (None, "")}
    return Row(number, text, parse(text, record[columns.label]), options)
