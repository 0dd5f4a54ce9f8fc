"""The WSGI environment of a request (PEP 3333)."""

import sys
from typing import Any

from gunicorn.util import unquote_to_wsgi_str

_ALWAYS: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,  # workers share nothing by WSGI's means
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "SCRIPT_NAME": "",
}
_KEYS = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}


def environ_of(request: Any, connection: Any, caller: tuple[Any, ...], listener: tuple[Any, ...]) -> dict[str, Any]:
    """Return the environment of a request of gunicorn's, on a connection between two addresses.

    gunicorn's own way looks, at each request, for what does not change, for proxies and for other protocols.
    """
    path, version = request.path, request.version
    environ = {
        **_ALWAYS,
        "wsgi.input": request.body,
        "wsgi.url_scheme": request.scheme,
        "gunicorn.socket": connection,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_wsgi_str(path) if "%" in path else path,
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": f"HTTP/{version[0]}.{version[1]}",
        "SERVER_NAME": listener[0],
        "SERVER_PORT": str(listener[1]),
        "REMOTE_ADDR": caller[0],
        "REMOTE_PORT": str(caller[1]),
    }
    for name, value in request.headers:
        key = _KEYS.get(name) or "HTTP_" + name.replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
