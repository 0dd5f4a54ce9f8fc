"""Answers in place of an engine that cannot be started, so that the service can say why."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app.config.model_file import UNUSABLE


@contextmanager
def answering(port: int, reason: str) -> Iterator[None]:
    """Answer each request to the engine's port with 503 and the reason; do nothing if the port is taken."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(reason))
    except OSError:
        yield
        return
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def _handler(reason: str) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers every request with the reason."""
    body = json.dumps({"error": {"code": 503, "type": UNUSABLE, "message": reason}}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server looks for it

        def log_message(self, *_arguments: object) -> None:
            """Print nothing: the service logs its calls."""

    return Handler
