"""The process of the supervisor: python -m app.embedded.supervisor PARENT LOG_LEVEL PLAIN PORT THREADS FILE NAME.

It keeps the engine running. It is a process of its own, because gunicorn's arbiter reaps all of its children and would
discard the engine's exit status.
"""

import logging
import logging.config
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from app.embedded.process import end_with_parent
from app.observability.logs import logging_config

logger = logging.getLogger("app.embedded")

# an engine that ran for this long is restarted without the backoff of earlier exits
STABLE_SECONDS = 10.0
MIN_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0


# this process does nothing else, so it may sleep between two starts; SIGTERM wakes it
def supervise(command: list[str], sleep: Callable[[float], None] = time.sleep) -> NoReturn:
    """Run a command, and run it again whenever it exits; early exits double the pause between two runs."""
    pause = MIN_BACKOFF_SECONDS
    while True:
        started = time.monotonic()
        status = _run(command)
        stable = time.monotonic() - started > STABLE_SECONDS
        pause = MIN_BACKOFF_SECONDS if stable else min(2 * pause, MAX_BACKOFF_SECONDS)
        logger.warning("the embedded engine exited with status %d; it starts again in %.1f s", status, pause)
        sleep(pause)


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Handle a signal: exit this process, which stops the command."""
    raise SystemExit(0)


def _run(command: list[str]) -> int:
    """Run the command, log the lines that it prints, and return its exit status."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        logger.info("the embedded engine loads its model (process %d)", process.pid)
        try:
            for line in process.stdout or ():
                logger.warning("engine: %s", line.rstrip())
        finally:
            process.terminate()
    return process.returncode


def main(parent: str, log_level: str, plain: str, *arguments: str) -> None:
    """Supervise the engine until SIGTERM, or until the parent exits."""
    logging.config.dictConfig(logging_config(log_level, plain == "plain"))
    signal.signal(signal.SIGTERM, stop)
    end_with_parent(int(parent), signal.SIGTERM)
    supervise([sys.executable, "-m", "app.embedded.engine", str(os.getpid()), *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
