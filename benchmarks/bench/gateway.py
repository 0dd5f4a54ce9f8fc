"""What a gateway is to the harness: how it is started, and how it is asked."""

import inspect
import time
from abc import ABC, abstractmethod
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, ClassVar

from bench.process import Command, Program
from bench.wire import Ask

START_SECONDS = 120


class NotStarted(Exception):
    """A gateway gave no right answer in time; the text is what it printed."""


class Gateway(ABC):
    """Something that stands between callers and the upstream. `peer` tells others' from ours and from floors."""

    name: ClassVar[str]
    peer: ClassVar[bool] = False
    kinds: ClassVar[tuple[str, ...]] = ("plain", "slow", "stream")

    @property
    @abstractmethod
    def version(self) -> str:
        """What was installed."""

    @abstractmethod
    def command(self, folder: Path, port: int, upstream: int) -> Command:
        """Write what it needs into `folder`; return what starts it on `port`, in front of the upstream's port."""

    @abstractmethod
    def ask(self, kind: str) -> Ask:
        """Return the request of a kind."""

    def facts(self) -> dict[str, Any]:
        """Return what the results tell of it beside its figures."""
        told = {"version": self.version, "peer": self.peer}
        return {**told, "configured": inspect.getdoc(self)}

    def install(self) -> None:  # noqa: B027 - most need nothing
        """Install it where it is not yet installed."""

    def port(self, port: int, printed: str) -> int | None:
        """Return the port that it listens on, which one of them chooses itself and prints."""
        return port


def seconds_to_first_answer(gateway: Gateway, program: Program, port: int, began: float) -> tuple[float, int]:
    """Ask until the first right answer; return the seconds since `began`, and the port."""
    while time.monotonic() < began + START_SECONDS and not program.has_ended():
        listening = gateway.port(port, program.printed())
        if listening and is_right(gateway.ask("plain"), listening):
            return time.monotonic() - began, listening
        time.sleep(0.005)  # between two questions to a process that starts
    raise NotStarted(f"{gateway.name} gave no right answer; it printed:\n{program.printed()[-4000:]}")


def is_right(ask: Ask, port: int) -> bool:
    """Ask once on a connection of its own; tell whether the right answer came."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", ask.path, ask.content, ask.all_headers)
        return ask.mark.encode() in connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
