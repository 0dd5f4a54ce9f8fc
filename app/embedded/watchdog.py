"""Ends a process that hangs: it accepts requests, and answers none."""

import logging
import subprocess
import threading
import time

from app.embedded.probe import answers

logger = logging.getLogger("app.embedded")

INTERVAL_SECONDS = 5.0
# llama.cpp answers between two steps of at most BATCH_TOKENS; a slow model on a busy machine takes some seconds a step
HANG_SECONDS = 120.0


class Watchdog:
    """Asks for a path every INTERVAL_SECONDS; kills the process after HANG_SECONDS of silence."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, path: str, name: str) -> None:
        self._process = process
        self._port = port
        self._path = path
        self._name = name
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to ask, in a thread."""
        threading.Thread(target=self.run, daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def run(self) -> None:
        """Ask until the engine is stopped or killed."""
        answered = time.monotonic()
        while not self._stopped.wait(INTERVAL_SECONDS):
            if answers(self._port, self._path, INTERVAL_SECONDS):
                answered = time.monotonic()
            elif time.monotonic() - answered > HANG_SECONDS:
                logger.error("%s has not answered for %d s; it is killed", self._name, HANG_SECONDS)
                self._process.kill()
                return
