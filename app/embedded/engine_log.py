"""Reads what the engine prints: llama.cpp's lines, which the service logs at debug level, and the reason of a fault.

After the start llama.cpp prints about requests only: two warnings for each repeated prompt, and errors that the
clients get themselves. So these lines are no warnings of the service.
"""

import logging
import re
from collections import deque

from app.embedded.process import READY

logger = logging.getLogger("app.embedded")

LAST_LINES = 10
_ERROR = re.compile(r"^[\d.]+ E (?:(?:srv|cmn|slot) +)?(?:[\w~]+: )+(?:error loading model: )?(.*)")
_PATH = re.compile(r"'?(?:/[^\s/']+)+'?")


class EngineLog:
    """The lines of one run of a process, which log lines name by `prefix`; `ready` once it serves."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.ready = False
        self._errors: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def add(self, line: str) -> bool:
        """Add a line of the engine, and log it; return whether the line says that the engine is ready."""
        line = line.rstrip()
        is_ready = line == READY
        self.ready = self.ready or is_ready
        if not self.ready and (match := _ERROR.match(line)):
            self._errors.append(match[1])
        self._last.append(line)
        logger.debug("%s: %s", self._prefix, line)
        return is_ready

    @property
    def reason(self) -> str:
        """Why the engine did not start, without paths: llama.cpp's first error, else the last line."""
        text = (self._errors or self._last or [""])[0 if self._errors else -1]
        return _PATH.sub("the file", text)

    def log_last(self) -> None:
        """Log the last lines as warnings, after an exit that nobody expected."""
        for line in self._last:
            logger.warning("%s: %s", self._prefix, line)
