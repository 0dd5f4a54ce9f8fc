"""An upstream that misbehaves request by request, as a test scripts it."""

import json
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager

from support.servers import chat_response
from support.socket_upstream import Exchange, SocketUpstream, server_tls

GOOD = json.dumps(chat_response("Hi.")).encode()

Act = Callable[[Exchange], None]


def http_response(body: bytes = GOOD, status: str = "200 OK", **headers: str) -> bytes:
    """A complete response; a header given as a keyword replaces the default one, and an empty value removes it."""
    fields = {"Content_Type": "application/json", "Content_Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(*arguments: bytes | str, **headers: str) -> Act:
    """An act that sends this response."""
    data = http_response(*arguments, **headers)
    return lambda exchange: exchange.send(data)


def good(exchange: Exchange) -> None:
    exchange.send(http_response())


class ChaosUpstream(SocketUpstream):
    """Plays one act for each request, then `good` ones."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.calls = 0
        self._acts: list[Act] = []
        super().__init__(tls)

    def play(self, acts: Iterable[Act]) -> None:
        self._acts = list(acts)
        self.calls = 0

    def next_act(self, head: bytes) -> Act:
        return self._acts.pop(0) if self._acts else good

    def respond(self, exchange: Exchange) -> None:
        self.calls += 1
        self.next_act(exchange.head)(exchange)


@contextmanager
def tls_of_another_host() -> Iterator[ChaosUpstream]:
    """An upstream that has the certificate of another host only."""
    with closing(ChaosUpstream(server_tls())) as upstream:
        yield upstream
