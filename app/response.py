"""The app's answers."""

from collections.abc import Iterable
from typing import Any

import flask
from werkzeug.datastructures import Headers


class Response(flask.Response):
    """Flask's response, without a copy of its headers.

    `told` are headers of ours, names and values, that go out behind them as they are.
    """

    told: tuple[tuple[str, str], ...] = ()

    def get_wsgi_response(self, environ: Any) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Return the pieces of the body, the status and the headers."""
        pieces, status, headers = super().get_wsgi_response(environ)
        return pieces, status, [*headers, *self.told]

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers as they go out.

        Werkzeug copies them all for that, since it may have to make a Location absolute, or to take out what an answer
        without a body must not have.
        """
        if self.status_code in (204, 304) or not self.is_sequence:
            return super().get_wsgi_headers(environ)
        self.headers["Content-Length"] = str(sum(map(len, self.response)))
        return self.headers
