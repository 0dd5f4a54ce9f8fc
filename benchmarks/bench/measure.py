"""What is measured of one gateway in one round."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from bench import GATEWAY_CORE, load
from bench.gateway import Gateway, NotStarted, is_right, seconds_to_first_answer
from bench.load import Load
from bench.process import Program, free_port
from bench.wire import Ask

SETTLE_SECONDS, MOST_SETTLE_SECONDS, LOOK_SECONDS = 1.0, 10.0, 0.1
CONNECTIONS, SLOW_CONNECTIONS, STREAMS = 16, 128, 64
# connections that an open load may have at most
OPEN_CONNECTIONS = 256
# of the rate at 16 connections in the first round
FRONTIER = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
MORE_STREAMS = (16, 128, 256)


class WrongAnswer(Exception):
    """A client was given something else than the upstream's text."""


FAULTS = (NotStarted, WrongAnswer, load.ToolFailed, requests.RequestException)


@dataclass
class Running:
    """A started gateway."""

    gateway: Gateway
    program: Program
    port: int
    seconds: float

    def settle(self) -> None:
        """Wait until what an earlier load left unanswered no longer keeps it busy."""
        end = time.monotonic() + MOST_SETTLE_SECONDS
        while time.monotonic() < end:
            before = self.program.cpu_seconds()
            time.sleep(LOOK_SECONDS)  # between two looks
            if self.program.cpu_seconds() - before < LOOK_SECONDS / 4:
                return

    def load(self, kind: str, connections: int, rate: float = 0.0, share: float = 1.0) -> dict[str, Any]:
        """Return what a load of a kind of request showed, over this share of the usual seconds."""
        self.settle()
        shape = Load(connections, self.seconds * share, rate)
        return load.run(shape, self.port, self.gateway.ask(kind), self.program.cpu_seconds)

    def witness(self) -> float | None:
        """Return the rate that wrk sees at the same connections."""
        self.settle()
        return load.witness(Load(CONNECTIONS, self.seconds / 2), self.port, self.gateway.ask("plain"))


@contextmanager
def started(
    gateway: Gateway, upstream: int, seconds: float, cores: str | None = None
) -> Iterator[tuple[Running, float]]:
    """Start a gateway, on its core or on those named; give it and the seconds to its first right answer; stop it."""
    folder = load.scratch(gateway.name)
    port = free_port()
    command = gateway.command(folder, port, upstream)
    began = time.monotonic()
    program = Program(command, cores or str(GATEWAY_CORE), folder / "log")
    try:
        took, port = seconds_to_first_answer(gateway, program, port, began)
        yield Running(gateway, program, port, seconds), took
    finally:
        program.stop()


def round_of(gateway: Gateway, upstream: int, seconds: float, capacity: float | None) -> dict[str, Any]:
    """Return all figures of a gateway; the frontier is tried around `capacity`, None: what this round shows."""
    with started(gateway, upstream, seconds) as (running, took):
        for kind in gateway.kinds:
            is_right(gateway.ask(kind), running.port)  # fills a cache where there is one
            check(gateway.ask(kind), running.port)
        time.sleep(SETTLE_SECONDS)  # for what the load left under way
        rest = running.program.memory()
        figures = _loads(running, capacity)
        running.settle()
        time.sleep(SETTLE_SECONDS)  # for what the load left under way
        after = running.program.memory()
    return {"start_seconds": took, "rest_bytes": rest, **figures, "after_bytes": after}


def _loads(running: Running, capacity: float | None) -> dict[str, Any]:
    kinds = running.gateway.kinds
    running.load("plain", CONNECTIONS, share=0.5)  # some compile what they run often
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


def check(ask: Ask, port: int) -> None:
    """Ask as a client does; raise WrongAnswer where the text is not the upstream's, or its origin is wrong."""
    answer = requests.post(
        f"http://127.0.0.1:{port}{ask.path}", ask.content, headers=ask.all_headers, timeout=30, stream=True
    )
    read: Callable[[requests.Response], str] = _streamed if ask.body.get("stream") else _text
    if answer.status_code != 200 or read(answer) != ask.text:
        raise WrongAnswer(f"{ask.path}: {answer.status_code} {answer.text[:1000]}")
    if answer.headers.get("X-AI-Cache", ask.cache) != ask.cache:
        raise WrongAnswer(f"{ask.path}: X-AI-Cache is {answer.headers['X-AI-Cache']}, not {ask.cache}")


def _text(answer: requests.Response) -> str:
    body = answer.json()
    if "text" in body:
        return str(body["text"])
    [choice] = body["choices"]
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


def _streamed(answer: requests.Response) -> str:
    lines = [line[6:] for line in answer.iter_lines(decode_unicode=True) if line.startswith("data: {")]
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
