"""The message that says how to call the service, logged once by the first worker that is ready."""

import os
import shlex
import sys
from typing import Any

from app.config import Config

ROUTE = "/v1/text/generate"
ANY_ADDRESS = ("0.0.0.0", "[::]")  # noqa: S104 - compared only
_JSON = "-H Content-Type:application/json"
# JSON lines escape double quotes and backslashes, so this command has neither; tr replaces each _ by a double quote
_ESCAPE_FREE_BODY = "echo '{_prompt_: _What is a lighthouse?_}' | tr ^_ '!-#' | "
_BODY = """'{"prompt": "What is a lighthouse?"}'"""


class ReadyMessage:
    """Logs the message in one process only, whichever worker comes first."""

    def __init__(self, config: Config) -> None:
        host = "localhost" if config.server_host in ANY_ADDRESS else config.server_host
        self._url = f"http://{host}:{config.server_port}"
        self._backend = config.backend
        self._plain = config.plain_logs
        self._key = " -H 'X-API-Key: YOUR_KEY'" if config.has_keys else ""
        # the workers inherit the counter, and reading it resets it
        self._token = os.eventfd(1, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def log_once(self, log: Any) -> None:
        """Log the message, unless another worker has done so; with JSON logs, also show it in a terminal."""
        try:
            os.eventfd_read(self._token)
        except BlockingIOError:
            return
        log.info(
            "Ready on %s with the backend %s. API reference: %s/docs. Press Ctrl-C to stop. Try: %s",
            self._url, self._backend, self._url, self._command if self._plain else self._escape_free_command,
        )  # fmt: skip
        if not self._plain and sys.stderr.isatty():
            sys.stderr.write(
                f"\n  Ready on {self._url}. Try:\n\n    {self._command}\n\n"
                f"  API reference: {self._url}/docs    Press Ctrl-C to stop.\n\n"
            )
            sys.stderr.flush()

    @property
    def _command(self) -> str:
        return f"curl -s {shlex.quote(self._url + ROUTE)} {_JSON}{self._key} -d {_BODY}"

    @property
    def _escape_free_command(self) -> str:
        return f"{_ESCAPE_FREE_BODY}curl -s {shlex.quote(self._url + ROUTE)} {_JSON}{self._key} -d @-"
