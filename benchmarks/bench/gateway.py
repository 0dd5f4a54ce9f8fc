"""The base class of gateways: how to start one, and how to send it a request."""

import inspect
import time
from abc import ABC, abstractmethod
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, ClassVar

from bench.process import Command, Program
from bench.wire import Request

START_SECONDS = 120


class NotStarted(Exception):
    """A gateway sent no correct response in time. The message contains its output."""


class Gateway(ABC):
    """A server between clients and the upstream. `peer` is true for gateways of other projects."""

    name: ClassVar[str]
    peer: ClassVar[bool] = False
    kinds: ClassVar[tuple[str, ...]] = ("plain", "slow", "stream")

    @property
    @abstractmethod
    def version(self) -> str:
        """The installed version."""

    @abstractmethod
    def command(self, folder: Path, port: int, upstream: int) -> Command:
        """Write its files to `folder`; return the command that starts it on `port`. `upstream` is a port too."""

    @abstractmethod
    def request(self, kind: str) -> Request:
        """Return the request of a kind."""

    def facts(self) -> dict[str, Any]:
        """Return the description of this gateway for the results."""
        return {"version": self.version, "peer": self.peer, "configured": inspect.getdoc(self)}

    def install(self) -> None:  # noqa: B027 - optional
        """Install it if it is not installed yet."""

    def port(self, port: int, printed: str) -> int | None:
        """Return the port on which it listens. TensorZero chooses the port itself and prints it."""
        return port


def seconds_to_first_response(gateway: Gateway, program: Program, port: int, began: float) -> tuple[float, int]:
    """Send requests until the first correct response; return the seconds since `began`, and the port."""
    while time.monotonic() < began + START_SECONDS and not program.has_ended():
        listening = gateway.port(port, program.printed())
        if listening and is_correct(gateway.request("plain"), listening):
            return time.monotonic() - began, listening
        time.sleep(0.005)  # polls a starting process
    raise NotStarted(f"{gateway.name} sent no correct response; it printed:\n{program.printed()[-4000:]}")


def is_correct(request: Request, port: int) -> bool:
    """Send one request on a new connection; return whether the response is correct."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", request.path, request.content, request.all_headers)
        return request.mark.encode() in connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
