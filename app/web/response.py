"""The response class of the app."""

from collections.abc import Callable, Iterable
from enum import IntEnum, auto
from typing import Any

import flask

_SHORTCUT_METHODS = ("GET", "POST")
# Werkzeug sends no body with these
_EMPTY_STATUSES = (204, 304)


class EndStep(IntEnum):
    """The steps at the end of a stream, in the order in which they run."""

    CLOSE_UPSTREAM = auto()
    # sets the outcome and the usage, which all later steps read
    RECORD_STREAM = auto()
    SETTLE_QUOTA = auto()
    RECORD_METRICS = auto()
    END_REQUEST = auto()
    WRITE_LOG_LINE = auto()


class Response(flask.Response):
    """Flask's response, with a short way out for one body of bytes, and with ordered steps at its end.

    `late_headers` are pairs of names and values. They are sent behind the other headers without a check.
    """

    late_headers: tuple[tuple[str, str], ...] = ()
    _end_steps: dict[EndStep, Callable[[], None]] | None = None
    _has_callbacks = False
    _has_data = False

    def run_at_end(self, step: EndStep, callback: Callable[[], None]) -> None:
        """Run the callback at once, or for a stream at its end. There is one callback for each step."""
        if not self.is_streamed:
            callback()
            return
        if self._end_steps is None:
            self._end_steps = {}
            self.call_on_close(self._run_end_steps)
        self._end_steps[step] = callback

    def _run_end_steps(self) -> None:
        steps = self._end_steps or {}
        for step in sorted(steps):
            steps[step]()

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        """Register a function to call when the response is closed."""
        self._has_callbacks = True
        return super().call_on_close(func)

    def set_data(self, value: bytes | str) -> None:
        """Set the complete body."""
        super().set_data(value)
        self._has_data = True

    def get_wsgi_response(self, environ: Any) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Return the chunks of the body, the status and the headers."""
        body: Any = self.response
        is_plain = self._has_data and not self._has_callbacks and isinstance(body, list)
        # `set_data` has encoded the body and set its Content-Length, and a list needs no close
        if is_plain and environ["REQUEST_METHOD"] in _SHORTCUT_METHODS and self.status_code not in _EMPTY_STATUSES:
            return body, self.status, [*self.headers, *self.late_headers]
        chunks, status, headers = super().get_wsgi_response(environ)
        return chunks, status, [*headers, *self.late_headers]
