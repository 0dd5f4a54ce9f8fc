"""Starts the supervisor of the embedded engine before the workers, and stops it after them."""

import os
import subprocess
import sys
from pathlib import Path

from app.config import Config
from app.config.model_file import model_file, model_name

STOP_SECONDS = 5.0
# `python -m` finds the package app here, and no other one in the working folder
PACKAGE_PARENT = Path(__file__).parents[2]


class Launcher:
    """The supervisor's process, a child of gunicorn's arbiter."""

    def __init__(self, config: Config, port: int, encoder_port: int) -> None:
        self._config = config
        self._port = port
        self._encoder_port = encoder_port
        self._process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Return whether the supervisor runs; workers may ask too."""
        # not with Popen.poll: only the arbiter is its parent, and gunicorn reaps it there
        if self._process is None:
            return False
        try:
            os.kill(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def ensure_running(self) -> None:
        """Start the supervisor unless it runs."""
        if self.running():
            return
        path = self._config.embedded_model_path
        logs = [self._config.log_level, "plain" if self._config.plain_logs else "json"]
        file = model_file(path)
        model = [file and file.absolute(), model_name(path)]
        engine = [self._port, self._config.embedded_threads, *model, self._config.embedded_request_memory_bytes]
        arguments = map(str, [os.getpid(), *logs, self._encoder_port, *engine])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.embedded.supervisor", *arguments],
            env={name: value for name, value in os.environ.items() if name not in Config.secret_variables()},
            cwd=PACKAGE_PARENT,
            start_new_session=True,  # a terminal's Ctrl-C must not reach it before the workers are done
        )

    def stop(self) -> None:
        """Stop the supervisor and, with it, the engine and its encoder; kill them after STOP_SECONDS."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
