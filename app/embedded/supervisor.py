"""The supervisor's process: python -m app.embedded.supervisor PARENT PORT THREADS FILE NAME.

Keeps the engine running. It is a process of its own because gunicorn's arbiter reaps every child it has, and would
swallow the engine's exit.
"""

import logging
import logging.config
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from app.config import Config
from app.embedded.process import end_with_parent
from app.logs import logging_config

logger = logging.getLogger("app.embedded")

# an engine that ran this long was sound, and is started again at once
SOUND_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Supervisor:
    """Starts a command, and again whenever it ends, until it is told to stop."""

    def __init__(self, command: Callable[[], list[str]]) -> None:
        self._command = command
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End the command and `run`; a signal handler."""
        self._stopping.set()
        if self._process:
            self._process.terminate()

    def run(self) -> None:
        """Keep the command running; pause longer and longer where it ends soon after each start."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            status = self._run_once()
            if self._stopping.is_set():
                return
            sound = time.monotonic() - started > SOUND_SECONDS
            pause = FIRST_PAUSE_SECONDS if sound else min(2 * pause, LONGEST_PAUSE_SECONDS)
            logger.warning("the embedded engine ended with status %d; starting it again in %.1f s", status, pause)
            self._stopping.wait(pause)

    def _run_once(self) -> int:
        """Run the command to its end, logging what it prints; return its exit status."""
        with subprocess.Popen(self._command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            self._process = process
            if self._stopping.is_set():  # the signal came between the check and the start
                process.terminate()
            logger.info("the embedded engine runs as process %d", process.pid)
            for line in process.stdout or ():
                logger.warning("engine: %s", line.rstrip())
        return process.returncode


def main(parent: str, *arguments: str) -> None:
    """Supervise the engine until SIGTERM, or until the parent ends."""
    config = Config.from_env()
    logging.config.dictConfig(logging_config(config.log_level, config.plain_logs))
    supervisor = Supervisor(lambda: [sys.executable, "-m", "app.embedded.engine", str(os.getpid()), *arguments])
    signal.signal(signal.SIGTERM, supervisor.stop)
    end_with_parent(int(parent))
    supervisor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
