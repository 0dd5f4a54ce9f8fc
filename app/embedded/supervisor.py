"""The supervisor's process: python -m app.embedded.supervisor PARENT LOG_LEVEL PLAIN PORT THREADS FILE NAME.

Keeps the engine running. It is a process of its own because gunicorn's arbiter reaps every child it has, and would
swallow the engine's exit.
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

# an engine that ran this long was sound, and is started again at once
SOUND_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


# nothing else happens in this process, so it may sleep between two starts; SIGTERM wakes it
def supervise(command: list[str], sleep: Callable[[float], None] = time.sleep) -> NoReturn:
    """Start a command, and again whenever it ends; pause longer and longer where it ends soon after each start."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = time.monotonic()
        status = _run(command)
        sound = time.monotonic() - started > SOUND_SECONDS
        pause = FIRST_PAUSE_SECONDS if sound else min(2 * pause, LONGEST_PAUSE_SECONDS)
        logger.warning("the embedded engine ended with status %d; starting it again in %.1f s", status, pause)
        sleep(pause)


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End this process, and with it the command: a signal handler."""
    raise SystemExit(0)


def _run(command: list[str]) -> int:
    """Run the command to its end, or end it where this process is told to; log what it prints, return its status."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        logger.info("the embedded engine runs as process %d", process.pid)
        try:
            for line in process.stdout or ():
                logger.warning("engine: %s", line.rstrip())
        finally:
            process.terminate()
    return process.returncode


def main(parent: str, log_level: str, plain: str, *arguments: str) -> None:
    """Supervise the engine until SIGTERM, or until the parent ends."""
    logging.config.dictConfig(logging_config(log_level, plain == "plain"))
    signal.signal(signal.SIGTERM, stop)
    end_with_parent(int(parent), signal.SIGTERM)
    supervise([sys.executable, "-m", "app.embedded.engine", str(os.getpid()), *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
