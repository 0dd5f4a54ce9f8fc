"""A service of the command's own: started with the settings of the environment, stopped at the end."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import requests

from app.embedded.process import free_port

# the first start may load a large model
START_SECONDS = 180.0
STOP_SECONDS = 40.0
POLL_SECONDS = 0.1
LAST_LINES = 10
PACKAGE_PARENT = Path(__file__).parents[2]
# the service of a command has one client, which nobody limits
NOT_PASSED_ON = (
    "API_KEYS",
    "API_KEYS_FILE",
    "REQUIRE_API_KEYS",
    "OPERATOR_ROUTES_REQUIRE_KEY",
    "TRUSTED_HOSTS",
    "TEXTS_PER_MINUTE",
    "TOKENS_PER_MINUTE",
    "TOKENS_PER_DAY",
    "TOKENS_PER_MONTH",
)


class StartFailed(Exception):
    """The service did not start; the text has the last lines that it printed."""


@contextmanager
def local_service() -> Iterator[str]:
    """Start a service, and yield its URL when it is ready; raise StartFailed."""
    port = free_port(0)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            # -P: a folder `app` in the working folder is another package
            [sys.executable, "-P", "-m", "app", "serve"],
            env=_environment(port),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the command, which then stops the service
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(port: int) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    path = os.pathsep.join(filter(None, [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]))
    # a request with many texts may take a language model minutes
    defaults = {"HUGGINGFACE_TIMEOUT": "10m", "LOG_LEVEL": "warning"}
    own = {"PYTHONPATH": path, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port), "RATE_LIMIT": "100000/minute"}
    return defaults | passed_on | own


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: BinaryIO) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if requests.get(f"{url}/health/ready", timeout=START_SECONDS).ok:
                return
        time.sleep(POLL_SECONDS)
    log.seek(0)
    printed = log.read().decode(errors="replace").splitlines()[-LAST_LINES:]
    raise StartFailed("\n".join(["The service did not start. It printed:", *printed]))
