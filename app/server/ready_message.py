"""The message that says how to call the service, logged once by the first worker that is ready."""

import os
import shlex
import sys
from typing import Any

from app.config import Config

ANY_ADDRESS = ("0.0.0.0", "[::]")  # noqa: S104 - compared only


class ReadyMessage:
    """Logs the message in one process only, whichever worker comes first."""

    def __init__(self, config: Config) -> None:
        host = "localhost" if config.server_host in ANY_ADDRESS else config.server_host
        self._url = f"http://{host}:{config.server_port}"
        self._backend = config.backend
        self._plain = config.plain_logs
        key = " -H 'X-API-Key: YOUR_KEY'" if config.has_keys else ""
        url = shlex.quote(f"{self._url}/v1/text/generate")
        body = """'{"prompt": "What is a lighthouse?"}'"""
        self._command = f"curl -s {url} -H 'Content-Type: application/json'{key} -d {body}"
        # the workers inherit the counter, and reading it resets it
        self._token = os.eventfd(1, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def log_once(self, log: Any) -> None:
        """Log the message and show an example request to people, unless another worker has done so."""
        try:
            os.eventfd_read(self._token)
        except BlockingIOError:
            return
        log.info("Ready on %s with the backend %s. API reference: %s/docs", self._url, self._backend, self._url)
        # a JSON line would escape the quotes of the command, so it would fail when it is pasted
        if self._plain or _is_started_by_a_person():
            sys.stderr.write(f"\nTry:   {self._command}\nStop:  Ctrl-C\n\n")
            sys.stderr.flush()


def _is_started_by_a_person() -> bool:
    """Return whether the output goes to a terminal, or `make` runs the service (it sets MAKELEVEL)."""
    return sys.stderr.isatty() or "MAKELEVEL" in os.environ
