"""The app's answers."""

from typing import Any

import flask
from werkzeug.datastructures import Headers


class Response(flask.Response):
    """Flask's response, without a copy of its headers."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers as they go out.

        Werkzeug copies them all for that, since it may have to make a Location absolute, or to take out what an answer
        without a body must not have.
        """
        if self.status_code in (204, 304) or not self.is_sequence:
            return super().get_wsgi_headers(environ)
        self.headers["Content-Length"] = str(sum(map(len, self.response)))
        return self.headers
