"""How clients of an API read it: the texts, errors and streams of its responses, checked with the vendor's types.

Nothing of it is shared with the service.
"""

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass
class Answer:
    """A streamed response as its client has it: the text, the API's word for an error, and whether it is complete."""

    text: str = ""
    error: str | None = None
    complete: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing may follow."""
        return self.complete or self.error is not None


class Dialect(ABC):
    """How the clients of an API read it."""

    mimetype = "text/event-stream"
    heartbeat = b": "

    def check(self, body: Any) -> None:  # noqa: B027 - APIs without types of a vendor check nothing
        """Raise an error unless a complete response fits the vendor's types."""

    @abstractmethod
    def text(self, body: Any) -> str:
        """Return the text of a complete response."""

    @abstractmethod
    def error(self, body: Any) -> str:
        """Return the API's word for an error; raise an AssertionError if its body has another shape."""

    def word(self, kind: str) -> str:
        """Return the API's word for the service's error of this type."""
        return kind

    def status(self, kind: str, status: int) -> int:
        """Return the API's status for the service's error of this type and status."""
        return status

    def stream(self, body: bytes) -> Answer:
        """Read a stream; raise an error if an event does not fit the vendor's types or is out of place."""
        raise NotImplementedError


@dataclass(frozen=True)
class Event:
    """A server-sent event: its name, which may be empty, and its data."""

    name: str
    data: str

    @property
    def json(self) -> Json:
        """The data as an object."""
        return dict(json.loads(self.data))


def sse_events(body: bytes) -> list[Event]:
    """Return the events of a stream without its comments; each ends with a blank line."""
    assert body.endswith(b"\n\n"), body[-100:]
    blocks = body.decode().removesuffix("\n\n").split("\n\n")
    return [_event(block) for block in blocks if not block.startswith(":")]


def _event(block: str) -> Event:
    found = re.fullmatch(r"(?:event: ?([\w.]+)\n)?data: ?(.*)", block)
    assert found, block
    return Event(found[1] or "", found[2])
