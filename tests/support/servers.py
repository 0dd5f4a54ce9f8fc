"""The real gunicorn as a process, and a fake upstream on real sockets."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import requests

ROOT = Path(__file__).parents[2]
LONG_SECONDS = 30.0
INHERITED = ("COV", "PATH", "HOME", "PYTHON")  # prefixes of environment variables


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


class Service:
    """A running service: its process, address and printed lines."""

    command: ClassVar = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    folder: ClassVar = ROOT

    def __init__(self, **variables: str) -> None:
        self.port = int(variables.get("SERVER_PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []
        self._printed = threading.Condition()
        inherited = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env={
                **inherited,
                "SERVER_HOST": "127.0.0.1",
                "SERVER_PORT": str(self.port),
                "RATE_LIMIT": "1000000/minute",  # tests send more requests than the default allows
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for_line(self, text: str, seconds: float = LONG_SECONDS) -> str:
        """Return the first printed line that contains the text."""
        with self._printed:
            found = self._printed.wait_for(lambda: [line for line in self.lines if text in line], seconds)
        assert found, f"{text!r} was not printed; printed was:\n" + "\n".join(self.lines)
        return found[0]

    def is_ready(self) -> bool:
        """Return whether the service responds that it is ready."""
        try:
            return self.get("/health/ready").status_code == 200
        except OSError:
            return False

    def post(self, route: str, timeout: float = LONG_SECONDS, **body: Any) -> requests.Response:
        return requests.post(self.url + route, json=body, timeout=timeout)

    def get(self, route: str, **options: Any) -> requests.Response:
        return requests.get(self.url + route, timeout=LONG_SECONDS, **options)

    def logged(self) -> list[dict[str, Any]]:
        """Return the JSON lines printed so far."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def engine(self) -> psutil.Process:
        """Return the process of the embedded engine."""
        [engine] = [one for one in self.processes() if "app.embedded.engine" in one.cmdline()]
        return engine

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Stop the service; wait for all its processes and return its exit status."""
        left = self.processes() if self.process.poll() is None else []
        self.process.send_signal(how)
        status = self.process.wait(LONG_SECONDS)
        self._reader.join(LONG_SECONDS)
        self.process.stdout.close()
        _, alive = psutil.wait_procs(left, timeout=LONG_SECONDS)
        assert not alive
        return status

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._printed:
                self.lines.append(line.rstrip("\n"))
                self._printed.notify_all()


def connects(port: int) -> bool:
    """Return whether a process listens on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool], seconds: float = LONG_SECONDS) -> None:
    """Poll a condition of another process until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not hold in time"
        time.sleep(0.02)  # polls another process


class Upstream:
    """An OpenAI-compatible upstream on a real socket: `respond` handles each request."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.respond: Callable[[BaseHTTPRequestHandler], None] = lambda handler: reply(handler, chat_response("Hi."))
        self.arrived = threading.Semaphore(0)
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise a body waits for the acknowledgement of its head

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.asked = json.loads(body)
                upstream.requests.append({"path": self.path, "headers": dict(self.headers), "body": self.asked})
                upstream.arrived.release()
                upstream.respond(self)

            def do_GET(self) -> None:
                upstream.requests.append({"path": self.path, "headers": dict(self.headers)})
                upstream.respond(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *arguments: Any) -> None:
                pass  # in some tests the service closes the connection

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def chat_response(text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def reply(handler: BaseHTTPRequestHandler, body: Any, status: int = 200, **headers: str) -> None:
    data = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)
