"""Serve requests with the worker of the service for instructions.py, then exit.

python benchmarks/serving.py PORT
"""

from gevent import monkey

monkey.patch_all()

import os
import socket
import sys

import gevent
from flask import Flask
from gunicorn.config import Config as GunicornConfig
from instructions import COUNTED, KINDS
from support.keys import made

from app import create_app
from app.observability.logs import ServerLogger, logging_config
from app.server.process_memory import freeze_startup_objects
from app.server.worker import Worker

WARM = 10
# Callgrind dumps its counts at libc's function of this name, which no other code calls
mark = os.getloadavg


def bare_app(_port: int, _line: str) -> Flask:
    """Return a Flask app with one view."""
    app = Flask("bare")
    app.get("/bare")(lambda: {"status": "ok"})
    return app


def service_app(port: int, line: str) -> Flask:
    """Return the service in front of an upstream on this port."""
    return create_app(
        {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "OPENAI_DEFAULT_MODEL": "org/small",
            "API_KEYS": line,
            "RATE_LIMIT": "1000000/minute",
        }
    )


def request(kind: str, key: str) -> bytes:
    """Return the bytes of one request."""
    if not KINDS[kind].startswith(b"{"):
        return KINDS[kind]
    head = f"Host: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: "
    return b"POST /v1/text/generate HTTP/1.1\r\n%b%d\r\n\r\n%b" % (head.encode(), len(KINDS[kind]), KINDS[kind])


def serve(worker: Worker, data: bytes) -> None:
    """Serve WARM requests, and then COUNTED requests between two marks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        served, address = listener.accept()
        serving = gevent.spawn(worker.handle, listener.getsockname(), served, address)
    for number in range(WARM + COUNTED):
        if number == WARM:
            mark()
        client.sendall(data)
        response = client.recv(65536)
        assert response.startswith(b"HTTP/1.1 200 OK"), response
    mark()
    client.close()
    serving.join()


def main(port: int) -> None:
    """Serve requests of each kind with an upstream on this port."""
    key, line = made("counted")
    config = GunicornConfig()
    config.set("logconfig_dict", logging_config("info", plain=False))
    worker = Worker(1, os.getppid(), [], None, 30, config, ServerLogger(config))
    apps = {app: app(port, line) for app in (bare_app, service_app)}
    apps[bare_app].extensions |= apps[service_app].extensions
    freeze_startup_objects()
    for kind in KINDS:
        worker.wsgi = apps[bare_app if kind == "bare" else service_app]
        serve(worker, request(kind, key))


if __name__ == "__main__":
    main(int(sys.argv[1]))
