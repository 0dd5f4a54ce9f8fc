"""The app's answers."""

from collections.abc import Iterable
from typing import Any

import flask


class Response(flask.Response):
    """Flask's response, sent at once where it is plain.

    `told` are headers of ours, names and values, that go out behind them as they are.
    """

    late_headers: tuple[tuple[str, str], ...] = ()

    def get_wsgi_response(self, environ: Any) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Return the pieces of the body, the status and the headers."""
        body: Any = self.response
        # of bytes given as such, whose length is a header already, there is nothing to leave out, to encode or to close
        if isinstance(body, list) and len(body) == 1 and environ["REQUEST_METHOD"] == "POST" and not self._on_close:
            return body, self.status, [*self.headers, *self.late_headers]
        pieces, status, headers = super().get_wsgi_response(environ)
        return pieces, status, [*headers, *self.late_headers]
