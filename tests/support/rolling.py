"""A load of calls and streams, and two services that can be restarted under it."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from support.servers import LONG_SECONDS, Service, chat_response, free_port, reply, until

WORDS = 5
WORD_SECONDS = 0.01


def respond(handler: Any) -> None:
    """Respond after a short time with the prompt, or as a stream of the prompt with a number in each event."""
    prompt = handler.asked["messages"][-1]["content"]
    if not handler.asked.get("stream"):
        time.sleep(WORDS * WORD_SECONDS)  # the latency of a model
        return reply(handler, chat_response(prompt))
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()
    for number in range(WORDS):
        time.sleep(WORD_SECONDS)  # the latency of a model
        _send(handler, f"{prompt} {number} ", "stop" if number == WORDS - 1 else None)
    handler.wfile.write(b"data: [DONE]\n\n")
    handler.close_connection = True
    return None


def _send(handler: Any, text: str, reason: str | None) -> None:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    event = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "org/small", "choices": [choice]}
    handler.wfile.write(b"data: %b\n\n" % json.dumps(event).encode())


class Load:
    """Clients with keep-alive connections; of five requests three are calls, one is a stream, one is a health check."""

    def __init__(self, url: str, clients: int, at_least: int) -> None:
        """Send requests until `stop`, and at least `at_least` requests."""
        self.failed: list[str] = []
        self.seconds: list[float] = []
        self.generations = 0
        self._url, self._at_least = url, at_least
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._clients = [self._pool.submit(self._call) for _ in range(clients)]

    def stop(self) -> None:
        """Stop the load, and wait for the last responses."""
        self._stopped.set()
        for client in self._clients:
            client.result()
        self._pool.shutdown()
        self.generations = len([number for number in range(len(self.seconds)) if number % 5])

    def _call(self) -> None:
        with requests.Session() as session:
            while not self._stopped.is_set() or len(self.seconds) < self._at_least:
                number = next(self._numbers)
                began = time.perf_counter()
                try:
                    error = self._send(session, number)
                except requests.RequestException as exception:
                    error = repr(exception)
                self.seconds.append(time.perf_counter() - began)
                if error:
                    self.failed.append(f"request {number}: {error}")

    def _send(self, session: requests.Session, number: int) -> str | None:
        """Send one request; return an error text, None for a correct response."""
        prompt, kind = f"Say {number}.", number % 5
        if kind == 0:
            response = session.get(f"{self._url}/health", timeout=LONG_SECONDS)
            correct = response.ok and response.json()["status"] == "healthy"
        elif kind == 1:
            body: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}], "stream": True}
            response = session.post(f"{self._url}/v1/chat/completions", json=body, timeout=LONG_SECONDS)
            correct = (
                response.ok and response.text.endswith("data: [DONE]\n\n") and response.text.count(prompt) == WORDS
            )
        else:
            response = session.post(f"{self._url}/v1/text/generate", json={"prompt": prompt}, timeout=LONG_SECONDS)
            correct = response.ok and response.json()["choices"][0]["text"] == prompt
        return None if correct and "error" not in response.text else f"{response.status_code} {response.text[-300:]}"


class Instances:
    """Two services with the same settings, which can be restarted one after the other."""

    def __init__(self, **variables: str) -> None:
        self._variables = variables
        self.ports = free_port(), free_port()
        self._running = [self._start(port) for port in self.ports]
        self.restarts = 0

    def roll(self) -> None:
        """Restart one after the other: SIGTERM, wait for the exit, start again, wait until ready."""
        for index, port in enumerate(self.ports):
            assert self._running[index].stop() == 0
            self._running[index] = self._start(port)
            self.restarts += 1

    def stop(self) -> None:
        for service in self._running:
            service.stop()

    def _start(self, port: int) -> Service:
        service = Service(SERVER_PORT=str(port), **self._variables)
        until(service.is_ready)
        return service
