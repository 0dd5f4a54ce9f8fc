"""How four parsers frame the requests of one connection: the server's own, llhttp, h11 and gunicorn's.

A framing is a list of requests (method, target, body), and the reason of its end: `error`, `closed` (nothing after the
last request is a request), or `incomplete` (the parser waits for more bytes).
"""

from dataclasses import dataclass, field
from typing import Any

import h11
import httptools
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request as GunicornRequest
from gunicorn.http.parser import RequestParser

from app.server.request_parser import StrictRequestParser, snapshot_settings

Message = tuple[bytes, bytes, bytes]
CONFIG = Config()
CONFIG.set("http_parser", "python")
SETTINGS = snapshot_settings(CONFIG)


@dataclass
class Framing:
    """The complete requests that a parser has seen, and why it stopped."""

    requests: list[Message] = field(default_factory=list)
    end: str = "incomplete"


class _Connection:
    """A connection that has received all of its bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self, size: int) -> bytes:
        received, self._data = self._data[:size], self._data[size:]
        return received


class _GunicornParser(RequestParser):
    mesg_class = GunicornRequest


def _iterated(parser: Any) -> Framing:
    framing = Framing()
    try:
        for request in parser:
            body = request.body.read()
            reader = getattr(request.body, "reader", None)
            if getattr(reader, "length", 0) or getattr(getattr(reader, "unreader", None), "at_end", False):
                return framing
            framing.requests.append((request.method.encode("latin-1"), request.uri.encode("latin-1"), body))
            if request.should_close():
                framing.end = "closed"
                return framing
    except NoMoreData:
        pass
    except ParseException:
        framing.end = "error"
    return framing


def by_server(data: bytes) -> Framing:
    """Return the framing of the service's parser."""
    return _iterated(StrictRequestParser(SETTINGS, _Connection(data), ("127.0.0.1", 1)))


def by_gunicorn(data: bytes) -> Framing:
    """Return the framing of gunicorn's parser."""
    return _iterated(_GunicornParser(CONFIG, _Connection(data), ("127.0.0.1", 1)))


class _Callbacks:
    def __init__(self) -> None:
        self.framing = Framing()
        self.parser: Any = None
        self.target = self.body = b""

    def on_message_begin(self) -> None:
        self.target = self.body = b""

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.framing.requests.append((self.parser.get_method(), self.target, self.body))
        if not self.parser.should_keep_alive():
            self.framing.end = "closed"


def by_llhttp(data: bytes) -> Framing:
    """Return the framing of llhttp, which Node and many proxies use."""
    callbacks = _Callbacks()
    callbacks.parser = httptools.HttpRequestParser(callbacks)
    try:
        callbacks.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        callbacks.framing.end = "closed"
        if callbacks.parser.get_method() != b"CONNECT":
            callbacks.framing.requests.pop()  # llhttp leaves the body of an upgrade to its user
    except httptools.HttpParserError:
        if callbacks.framing.end != "closed":
            callbacks.framing.end = "error"
    return callbacks.framing


def by_h11(data: bytes) -> Framing:
    """Return the framing of h11."""
    framing, connection = Framing(), h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
    connection.receive_data(data)
    request, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                framing.requests.append((request.method, request.target, body))
                if request.method == b"CONNECT":  # what follows is data of the tunnel
                    framing.end = "closed"
                    return framing
                connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    framing.end = "closed"
                    return framing
                connection.start_next_cycle()
            elif event is h11.NEED_DATA:
                return framing
            else:  # PAUSED: a CONNECT or an upgrade
                framing.end = "closed"
                return framing
    except h11.RemoteProtocolError:
        framing.end = "error"
    return framing


REFERENCES = {"llhttp": by_llhttp, "h11": by_h11, "gunicorn": by_gunicorn}


def difference(ours: Framing, reference: Framing) -> str | None:
    """Return how a reference frames requests differently that the server serves; None if it agrees or refuses more."""
    for index, request in enumerate(ours.requests):
        if index >= len(reference.requests):
            refused = reference.end in ("error", "closed")
            return None if refused else f"request {index} is served, and the reference waits for more bytes"
        if reference.requests[index] != request:
            return f"request {index} is {request}, and {reference.requests[index]} for the reference"
    return None
