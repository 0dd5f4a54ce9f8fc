"""Measure one gateway in one round."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from bench import GATEWAY_CORE, load
from bench.gateway import Gateway, NotStarted, is_correct, seconds_to_first_response
from bench.load import Load
from bench.process import Program, free_port
from bench.wire import Request

SETTLE_SECONDS, MAX_SETTLE_SECONDS, POLL_SECONDS = 1.0, 10.0, 0.1
CONNECTIONS, SLOW_CONNECTIONS, STREAMS = 16, 128, 64
# limit of an open load
OPEN_CONNECTIONS = 256
# shares of the rate at 16 connections in the first round
FRONTIER = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
MORE_STREAMS = (16, 128, 256)


class WrongResponse(Exception):
    """A client received a text that is not the upstream's."""


ERRORS = (NotStarted, WrongResponse, load.ToolFailed, requests.RequestException)


@dataclass
class Running:
    """A started gateway."""

    gateway: Gateway
    program: Program
    port: int
    seconds: float

    def settle(self) -> None:
        """Wait until it has finished the requests of an earlier load."""
        end = time.monotonic() + MAX_SETTLE_SECONDS
        while time.monotonic() < end:
            before = self.program.cpu_seconds()
            time.sleep(POLL_SECONDS)  # polls another process
            if self.program.cpu_seconds() - before < POLL_SECONDS / 4:
                return

    def load(self, kind: str, connections: int, rate: float = 0.0, share: float = 1.0) -> dict[str, Any]:
        """Return the figures of a load. `share` is a fraction of the usual seconds."""
        self.settle()
        shape = Load(connections, self.seconds * share, rate)
        return load.run(shape, self.port, self.gateway.request(kind), self.program.cpu_seconds)

    def witness(self) -> float | None:
        """Return the rate that wrk measures at the same number of connections."""
        self.settle()
        return load.witness(Load(CONNECTIONS, self.seconds / 2), self.port, self.gateway.request("plain"))


@contextmanager
def started(
    gateway: Gateway, upstream: int, seconds: float, cores: str | None = None
) -> Iterator[tuple[Running, float]]:
    """Start a gateway on its core or on `cores`, and stop it at the end; yield it and the seconds of its start."""
    folder = load.scratch(gateway.name)
    port = free_port()
    command = gateway.command(folder, port, upstream)
    began = time.monotonic()
    program = Program(command, cores or str(GATEWAY_CORE), folder / "log")
    try:
        took, port = seconds_to_first_response(gateway, program, port, began)
        yield Running(gateway, program, port, seconds), took
    finally:
        program.stop()


def round_of(gateway: Gateway, upstream: int, seconds: float, capacity: float | None) -> dict[str, Any]:
    """Return all figures of a gateway. `capacity` scales the rates of open loads, None: the rate of this round."""
    with started(gateway, upstream, seconds) as (running, took):
        for kind in gateway.kinds:
            is_correct(gateway.request(kind), running.port)  # fills a cache, if the gateway has one
            check(gateway.request(kind), running.port)
        time.sleep(SETTLE_SECONDS)  # for work still in flight
        rest = running.program.memory()
        figures = _loads(running, capacity)
        running.settle()
        time.sleep(SETTLE_SECONDS)  # for work still in flight
        after = running.program.memory()
    return {"start_seconds": took, "rest_bytes": rest, **figures, "after_bytes": after}


def _loads(running: Running, capacity: float | None) -> dict[str, Any]:
    kinds = running.gateway.kinds
    running.load("plain", CONNECTIONS, share=0.5)  # some gateways compile hot code
    figures: dict[str, Any] = {"single": running.load("plain", 1, share=0.5)}
    figures["plain"] = running.load("plain", CONNECTIONS)
    figures["loaded_bytes"] = running.program.memory()
    figures["wrk_rate"] = running.witness()
    if "cached" in kinds:
        figures["cached"] = running.load("cached", CONNECTIONS)
    figures["slow"] = running.load("slow", SLOW_CONNECTIONS)
    figures["frontier"] = _frontier(running, capacity or figures["plain"]["rate"])
    if "stream" in kinds:
        figures["stream"] = running.load("stream", STREAMS)
        figures["streams"] = {str(count): running.load("stream", count, share=0.5) for count in MORE_STREAMS}
    return figures


def _frontier(running: Running, capacity: float) -> list[dict[str, Any]]:
    rates = [round(capacity * share, 1) for share in FRONTIER]
    return [{"asked": rate, **running.load("plain", OPEN_CONNECTIONS, rate, share=0.5)} for rate in rates]


def check(request: Request, port: int) -> None:
    """Send a request as a client does; raise WrongResponse if text or X-AI-Cache is not as expected."""
    response = requests.post(
        f"http://127.0.0.1:{port}{request.path}", request.content, headers=request.all_headers, timeout=30, stream=True
    )
    read: Callable[[requests.Response], str] = _streamed if request.body.get("stream") else _text
    if response.status_code != 200 or read(response) != request.text:
        raise WrongResponse(f"{request.path}: {response.status_code} {response.text[:1000]}")
    if response.headers.get("X-AI-Cache", request.cache) != request.cache:
        raise WrongResponse(f"{request.path}: X-AI-Cache is {response.headers['X-AI-Cache']}, not {request.cache}")


def _text(response: requests.Response) -> str:
    body = response.json()
    if "text" in body:
        return str(body["text"])
    [choice] = body["choices"]
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


def _streamed(response: requests.Response) -> str:
    lines = [line[6:] for line in response.iter_lines(decode_unicode=True) if line.startswith("data: {")]
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
