"""The results of a run, appended line by line, so that an interrupted run can continue."""

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.evaluation.rows import InvalidFile

Record = dict[str, Any]


class ResultsFile:
    """A file of JSON lines. Each has the `key` of a text and its options, and a `result` or an `error`.

    The last line of a key counts. Use it in a `with` statement; a second process that opens it gets InvalidFile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records: dict[str, Record] = {}

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("a+b", buffering=0)  # an interrupt never splits a write
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise InvalidFile(f"{self._path} is in use by another run.") from None
        except OSError as error:
            raise InvalidFile(f"{self._path}, the file of results, cannot be written: {error.strerror}.") from None
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def has_result(self, key: str) -> bool:
        """Return whether a key has a result; an error is none."""
        return "result" in self.records.get(key, ())

    def append(self, records: Iterable[Record]) -> None:
        """Write records, all or none of them if the process is killed."""
        found = list(records)
        self._file.write(b"".join(json.dumps(record).encode() + b"\n" for record in found))
        self.records |= {record["key"]: record for record in found}

    def _load(self) -> None:
        """Read the records; cut off a last line that a killed process left incomplete."""
        self._file.seek(0)
        data = self._file.read()
        complete = data.rfind(b"\n") + 1
        if complete < len(data):
            os.ftruncate(self._file.fileno(), complete)
        for number, line in enumerate(data[:complete].splitlines(), 1):
            try:
                record = json.loads(line)
                self.records[record["key"]] = record
            except (ValueError, KeyError, TypeError):
                raise InvalidFile(f"{self._path}, line {number} is no result; move the file away.") from None
