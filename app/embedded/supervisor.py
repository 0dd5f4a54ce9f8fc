"""The process of the supervisor: python -m app.embedded.supervisor PARENT LOG_LEVEL PLAIN ENCODER_PORT ENGINE...

ENGINE... are the engine's arguments. It keeps the engine and its encoder running. It is a process of its own, because
gunicorn's arbiter reaps all of its children and would discard their exit status.
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
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from app.embedded.engine_log import EngineLog
from app.embedded.process import EXIT_UNUSABLE, end_with_parent
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


@dataclass(frozen=True)
class Supervised:
    """A process to keep running: its name and prefix in log lines, its command, its port, and the path to ask."""

    name: str
    prefix: str
    command: list[str]
    port: int
    path: str


# its thread does nothing else, so it may sleep between two starts
def supervise(one: Supervised, sleep: Callable[[float], None] = time.sleep) -> NoReturn:
    """Run a process, and run it again whenever it exits; early exits double the pause between two runs.

    If it cannot be loaded, the reason is logged once, and answered on its port meanwhile.
    """
    pause, reported, failed_starts = MIN_BACKOFF_SECONDS, "", 0
    while True:
        started = time.monotonic()
        status, log = _run(one)
        failed_starts = 0 if log.ready else failed_starts + 1
        if status == EXIT_UNUSABLE or failed_starts > MAX_FAILED_STARTS:
            reported = _wait_for_repair(one, log.reason or f"it exits with status {status}", reported, sleep)
            continue
        log.log_last()
        stable = time.monotonic() - started > STABLE_SECONDS
        pause = MIN_BACKOFF_SECONDS if stable else min(2 * pause, MAX_BACKOFF_SECONDS)
        logger.warning("%s exited with status %d; it starts again in %.1f s", one.name, status, pause)
        sleep(pause)


def _wait_for_repair(one: Supervised, reason: str, reported: str, sleep: Callable[[float], None]) -> str:
    """Log the reason unless it was reported, answer it on the port for RETRY_SECONDS, and return it."""
    if reason != reported:
        logger.error("%s cannot be used: %s", one.name, reason)
    with answering(one.port, reason):
        sleep(RETRY_SECONDS)
    return reason


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Handle a signal: exit this process, which stops the processes."""
    raise SystemExit(0)


def _run(one: Supervised) -> tuple[int, EngineLog]:
    """Run the process, log the lines that it prints, and return its exit status and its lines."""
    log = EngineLog(one.prefix)
    with subprocess.Popen(
        one.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        logger.info("%s starts (process %d)", one.name, process.pid)
        watchdog = Watchdog(process, one.port, one.path, one.name)
        try:
            for line in process.stdout or ():
                if log.add(line):
                    watchdog.start()
        finally:
            watchdog.stop()
            process.terminate()
    return process.returncode, log


def main(parent: str, log_level: str, plain: str, encoder_port: str, *engine: str) -> None:
    """Supervise the engine and its encoder until SIGTERM, or until the parent exits."""
    logging.config.dictConfig(logging_config(log_level, plain == "plain"))
    signal.signal(signal.SIGTERM, stop)
    end_with_parent(int(parent), signal.SIGTERM)
    port, threads, *_model, memory = engine
    # at the end of this process, the kernel ends the encoder
    threading.Thread(target=supervise, args=[_encoder(encoder_port, threads, memory)], daemon=True).start()
    command = _python("app.embedded.engine", *engine)
    supervise(Supervised("the embedded engine", "engine", command, int(port), "/metrics"))


def _encoder(port: str, threads: str, memory: str) -> Supervised:
    command = _python("app.embedded.encoder.process", port, threads, memory)
    return Supervised("the encoder", "encoder", command, int(port), "/health")


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, str(os.getpid()), *arguments]


if __name__ == "__main__":
    main(*sys.argv[1:])
