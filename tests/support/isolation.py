"""Two services with one kind of clients each: what a client gets on a busy one is what it gets on a quiet one."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

import requests

from support.servers import Service, Upstream, reply

TIMEOUT = 20.0
# far above the time of a probe, and far below that of a call that waits for another client's stream
MAX_DELAY_SECONDS = 3.0
COMPARED_HEADERS = (
    "Content-Type",
    "RateLimit-Limit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "Retry-After",
    "X-AI-Attempts",
    "X-AI-Backend",
    "X-AI-Cache",
    "X-AI-Fallback",
    "X-AI-Model",
)
# added to the answer of a prompt with the word "flood": eight such responses are larger than 1 MiB
LONG = " x" * 35_000
# differ between any two responses
_OWN = re.compile(r'"(?:id|request_id|created|generated_at|processing_ms)": ?("[^"]*"|[0-9.]+)|"idx[0-9a-f]+"')
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
# prompts with one of these words make the upstream fail, and then only the client that sent them
FAILURES = {
    "status400": (400, {"error": {"message": "no"}}),
    "status404": (404, {"error": {"message": "no"}}),
    "status429": (429, {"error": {"message": "slow down"}}),
    "status500": (500, {"error": {"message": "oops"}}),
    "rubbish": (200, {"choices": 5}),
}


class DeterministicUpstream(Upstream):
    """An upstream whose response depends on the request alone; `held` streams end with `release`."""

    def __init__(self) -> None:
        super().__init__()
        self.respond = self._respond
        self._released = threading.Event()

    def release(self) -> None:
        """End the streams that are held."""
        self._released.set()
        self._released = threading.Event()

    def _respond(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            return reply(handler, {"object": "list", "data": [{"id": "org/small"}, {"id": "org/other"}]})
        asked: dict[str, Any] = handler.asked  # type: ignore[attr-defined]  # set by the server of the tests
        text = json.dumps(asked)
        for word, (status, body) in FAILURES.items():
            if word in text:
                return reply(handler, body, status)
        if asked.get("stream"):
            return self._stream(handler, text)
        if "held" in text:
            self._released.wait(TIMEOUT)
        answer = "positive " + hashlib.sha256(text.encode()).hexdigest()[:8] + LONG * ("flood" in text)
        message = {"role": "assistant", "content": answer}
        choice = {"index": 0, "message": message, "text": answer, "finish_reason": "stop"}
        return reply(handler, {"model": asked.get("model", "m"), "choices": [choice], "usage": USAGE})

    def _stream(self, handler: BaseHTTPRequestHandler, text: str) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        released = self._released
        for number in range(3):
            delta = {"index": 0, "delta": {"content": f"{number} "}, "finish_reason": "stop" if number == 2 else None}
            event = {"id": "c", "model": "m", "choices": [delta], "usage": USAGE if number == 2 else None}
            handler.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            handler.wfile.flush()
            if "held" in text and number == 0:
                released.wait(TIMEOUT)
        handler.wfile.write(b"data: [DONE]\n\n")


@dataclass
class Client:
    """A client of one service: its headers are its key, or the address that a proxy saw.

    CASE in what it sends becomes `case`, so that nothing which earlier cases left behind can hide a fault.
    """

    service: Service
    headers: dict[str, str]
    case: str
    open_streams: list[tuple[requests.Response, Iterator[bytes]]] = field(default_factory=list)

    def send(self, method: str, route: str, headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
        """Send a request on a connection of its own."""
        merged = {"Content-Type": "application/json", **self.headers}
        merged |= {name: text.replace("CASE", self.case) for name, text in (headers or {}).items()}
        return requests.request(method, self.service.url + route, headers=merged, **{"timeout": TIMEOUT, **options})

    def post(self, route: str, body: Any, headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
        return self.send("POST", route, headers, data=json.dumps(body).replace("CASE", self.case), **options)

    def hold_stream(self) -> None:
        """Start a stream that stays open, and read its first event."""
        body = {"messages": [{"role": "user", "content": "held"}], "stream": True}
        response = self.post("/v1/chat/completions", body, stream=True)
        lines = response.iter_lines()
        next(lines, None)
        self.open_streams.append((response, lines))  # the end of the iterator would close the connection

    def leave(self) -> None:
        """Close all streams."""
        while self.open_streams:
            self.open_streams.pop()[0].close()


@dataclass(frozen=True)
class Seen:
    """The parts of a response that a client can see, without values that differ between any two responses."""

    status: int
    body: str
    headers: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, response: requests.Response) -> "Seen":
        headers = tuple((name, response.headers.get(name)) for name in COMPARED_HEADERS)
        return cls(response.status_code, _OWN.sub('"own"', response.text), headers)


@dataclass
class World:
    """A service that a first and a second client use, and one that only the second one's twin uses."""

    busy: Service
    quiet: Service
    upstreams: tuple[DeterministicUpstream, DeterministicUpstream]
    identities: Iterator[dict[str, str]]
    first: dict[str, str] = field(default_factory=dict)
    cases: Iterator[int] = field(default_factory=partial(count, 1))

    def clients(self) -> tuple[Client, Client, Client]:
        """Return the first client, a new second one, and the twin of the second one.

        The first one stays the same: failures of several clients are an outage, which is to open a breaker for all.
        """
        self.first = self.first or next(self.identities)
        second, twin = (next(self.identities) for _ in range(2))
        case = str(next(self.cases))
        return Client(self.busy, self.first, case), Client(self.busy, second, case), Client(self.quiet, twin, case)

    def release(self) -> None:
        """End all held streams."""
        for upstream in self.upstreams:
            upstream.release()


def addresses() -> Iterator[dict[str, str]]:
    """Return headers of clients without keys, each with another address."""
    return (
        {"X-Forwarded-For": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:{number}"} for number in count(1)
    )


@contextmanager
def timed() -> Iterator[list[float]]:
    """Yield a list that holds the seconds of the block after it."""
    seconds: list[float] = []
    started = time.monotonic()
    yield seconds
    seconds.append(time.monotonic() - started)
