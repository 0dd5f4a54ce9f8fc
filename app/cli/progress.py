"""A progress bar on a terminal."""

import time
from types import TracebackType
from typing import Self, TextIO

WIDTH = 30


class Progress:
    """Draws a bar with the number of done texts and the remaining time; draws nothing if the file is no terminal."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._first: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._first:
            print(file=self._file)

    def show(self, done: int, total: int) -> None:
        """Draw the bar again."""
        if not self._file.isatty():
            return
        now = time.monotonic()
        # texts of an earlier run say nothing about the time
        started, before = self._first = self._first or (now, done)
        rest = f", {(total - done) * (now - started) / (done - before):.0f} s left" if done > before else ""
        bar = ("#" * (WIDTH * done // total)).ljust(WIDTH)
        print(f"\r[{bar}] {done} of {total} texts{rest}\x1b[K", end="", file=self._file, flush=True)
