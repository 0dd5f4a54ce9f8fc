"""The process of the supervisor: python -m app.embedded.supervisor PARENT LOG_LEVEL PLAIN and the engine's arguments.

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

from app.embedded.engine import EXIT_UNUSABLE
from app.embedded.engine_log import EngineLog
from app.embedded.process import end_with_parent
from app.embedded.unusable import answering
from app.embedded.watchdog import Watchdog
from app.observability.logs import logging_config

logger = logging.getLogger("app.embedded")

# an engine that ran for this long is restarted without the backoff of earlier exits
STABLE_SECONDS = 10.0
MIN_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0
# an engine that cannot be loaded is tried again after this time: the file, or what the machine lacks, may be mended
RETRY_SECONDS = 60.0
# a model counts as one that cannot be loaded after this number of exits in a row before the engine was ready
MAX_FAILED_STARTS = 5


# this process does nothing else, so it may sleep between two starts; SIGTERM wakes it
def supervise(command: list[str], port: int, sleep: Callable[[float], None] = time.sleep) -> NoReturn:
    """Run a command, and run it again whenever it exits; early exits double the pause between two runs.

    If the command cannot be loaded, the reason is logged once, and answered on the port meanwhile.
    """
    pause, reported, failed_starts = MIN_BACKOFF_SECONDS, "", 0
    while True:
        started = time.monotonic()
        status, log = _run(command, port)
        failed_starts = 0 if log.ready else failed_starts + 1
        if status == EXIT_UNUSABLE or failed_starts > MAX_FAILED_STARTS:
            reported = _wait_for_repair(log.reason or f"it exits with status {status}", port, reported, sleep)
            continue
        log.log_last()
        stable = time.monotonic() - started > STABLE_SECONDS
        pause = MIN_BACKOFF_SECONDS if stable else min(2 * pause, MAX_BACKOFF_SECONDS)
        logger.warning("the embedded engine exited with status %d; it starts again in %.1f s", status, pause)
        sleep(pause)


def _wait_for_repair(reason: str, port: int, reported: str, sleep: Callable[[float], None]) -> str:
    """Log the reason unless it was reported, answer it on the port for RETRY_SECONDS, and return it."""
    if reason != reported:
        logger.error("the embedded engine cannot be used: %s", reason)
    with answering(port, reason):
        sleep(RETRY_SECONDS)
    return reason


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Handle a signal: exit this process, which stops the command."""
    raise SystemExit(0)


def _run(command: list[str], port: int) -> tuple[int, EngineLog]:
    """Run the command, log the lines that it prints, and return its exit status and its lines."""
    log = EngineLog()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        logger.info("the embedded engine loads its model (process %d)", process.pid)
        watchdog = Watchdog(process, port)
        try:
            for line in process.stdout or ():
                if log.add(line):
                    watchdog.start()
        finally:
            watchdog.stop()
            process.terminate()
    return process.returncode, log


def main(parent: str, log_level: str, plain: str, *arguments: str) -> None:
    """Supervise the engine until SIGTERM, or until the parent exits."""
    logging.config.dictConfig(logging_config(log_level, plain == "plain"))
    signal.signal(signal.SIGTERM, stop)
    end_with_parent(int(parent), signal.SIGTERM)
    supervise([sys.executable, "-m", "app.embedded.engine", str(os.getpid()), *arguments], int(arguments[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
