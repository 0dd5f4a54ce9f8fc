"""A fake upstream with announced responses, which apps in this process reach through the production transport.

Whatever host a connection of urllib3 names, it goes to a server on a real socket; port 443 stands for TLS. Session,
connection pool and parsers of the service stay in place. Responses are registered and matched as in the library
`responses`, so that a test can use either.
"""

import json as jsonlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.util import connection as urllib3_connection

from app.upstream.transport.session import UpstreamSession
from support.socket_upstream import TLS, Exchange, SocketUpstream, server_tls

HTTPS_PORT = 443
_NO_BODY = (204, 304)
_create_connection = urllib3_connection.create_connection
_send = HTTPAdapter.send


@dataclass
class Request:
    """A request that has arrived."""

    method: str
    url: str
    headers: CaseInsensitiveDict[str]
    body: bytes | None

    @classmethod
    def parse(cls, exchange: Exchange, scheme: str) -> "Request":
        line, *fields = exchange.head.decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ")
        headers = CaseInsensitiveDict(field.split(": ", 1) for field in fields)
        return cls(method, f"{scheme}://{headers['Host']}{path}", headers, exchange.body)


Callback = Callable[[Request], tuple[int, dict[str, str], str | bytes]]


@dataclass
class Call:
    request: Request


@dataclass
class Announced:
    """One announced response. `body` may be an exception to raise, or a callback that makes the response."""

    method: str
    url: str
    status: int = 200
    body: bytes | Exception | Callback = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    call_count: int = 0

    def matches(self, method: str, url: str) -> bool:
        return self.method == method and self.url == _comparable(url, with_query="?" in self.url)

    def to_bytes(self, request: Request) -> bytes:
        """Return the response to a request as it is sent."""
        status, headers, body = self.status, self.headers, self.body
        if callable(body):
            status, more, body = body(request)
            headers = [*headers, *more.items()]
        data = body.encode() if isinstance(body, str) else body
        names = {name.lower() for name, _ in headers}
        if status not in _NO_BODY and not names & {"content-length", "transfer-encoding"}:
            headers = [*headers, ("Content-Length", str(len(data)))]
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
        head = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + data


def _comparable(url: str, *, with_query: bool) -> str:
    """Return a URL as the service sends it, with sorted parameters or without them."""
    base, _, query = (requests.Request("GET", url).prepare().url or "").partition("?")
    return f"{base}?{sorted(parse_qsl(query))}" if with_query else base


class FakeUpstream:
    """The announced responses of one test, and the calls that it made.

    If several announced responses match, each is sent once, and the last one as often as it is requested. At the end
    all announced responses must have been sent and no other call made, unless `assert_all_requests_are_fired` is False.
    """

    GET = "GET"
    POST = "POST"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.assert_all_requests_are_fired = True
        self._announced: list[Announced] = []
        self._unexpected: list[str] = []
        self._lock = threading.Lock()

    def get(self, url: str, **response: Any) -> Announced:
        return self.add("GET", url, **response)

    def post(self, url: str, **response: Any) -> Announced:
        return self.add("POST", url, **response)

    def add(
        self,
        method: str,
        url: str,
        body: str | bytes | Exception = b"",
        json: Any = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
        content_type: str | None = "",
    ) -> Announced:
        """Announce the response to requests with this method and URL; a URL without a query matches any query."""
        if json is not None:
            body, content_type = jsonlib.dumps(json), content_type or "application/json"
        data = body.encode() if isinstance(body, str) else body
        return self._add(Announced(method, url, status, data), headers, content_type)

    def add_callback(self, method: str, url: str, callback: Callback, content_type: str = "") -> Announced:
        """Announce a callback that returns status, headers and body of the response to a request."""
        return self._add(Announced(method, url, body=callback), None, content_type)

    def replace(self, method: str, url: str, **response: Any) -> Announced:
        """Register a response that replaces the first one with the same method and URL."""
        new = self.add(method, url, **response)
        with self._lock:
            urls = [(announced.method, announced.url) for announced in self._announced]
            self._announced[urls.index((method, new.url))] = self._announced.pop()
        return new

    def _add(self, announced: Announced, headers: dict[str, str] | None, content_type: str | None) -> Announced:
        announced.url = _comparable(announced.url, with_query="?" in announced.url)
        types = {} if content_type is None else {"Content-Type": content_type or "text/plain"}
        announced.headers = [*{**types, **(headers or {})}.items()]
        with self._lock:
            self._announced.append(announced)
        return announced

    def take(self, request: Request) -> Announced | None:
        """Record a call and return the response to it; None if none was announced."""
        with self._lock:
            self.calls.append(Call(request))
            matching = self._matching(request.method, request.url)
            if not matching:
                self._unexpected.append(f"{request.method} {request.url}")
                return None
            if len(matching) > 1:
                self._announced.remove(matching[0])
            response = _next(matching)
            response.call_count += 1
            return response

    def take_exception(self, request: requests.PreparedRequest) -> Exception | None:
        """Record a call and return its exception, if the next response to it is one; else do nothing."""
        method, url = request.method or "", request.url or ""
        with self._lock:
            matching = self._matching(method, url)
        if not matching or not isinstance(error := _next(matching).body, Exception):
            return None
        body = request.body if isinstance(request.body, bytes) else None
        self.take(Request(method, url, CaseInsensitiveDict(request.headers), body))
        return error

    def check(self) -> None:
        """Fail if an announced response was not requested, or another call was made."""
        if self.assert_all_requests_are_fired:
            assert not self._unexpected, f"calls without an announced response: {self._unexpected}"
            unused = [f"{one.method} {one.url}" for one in self._announced if not one.call_count]
            assert not unused, f"announced responses that were not requested: {unused}"

    def _matching(self, method: str, url: str) -> list[Announced]:
        return [announced for announced in self._announced if announced.matches(method, url)]


def _next(matching: list[Announced]) -> Announced:
    return matching[1] if len(matching) > 1 and matching[0].call_count else matching[0]


class _Server(SocketUpstream):
    """Sends the responses of the current test's fake upstream."""

    current: FakeUpstream | None = None

    def respond(self, exchange: Exchange) -> None:
        assert self.current
        request = Request.parse(exchange, self.url.partition(":")[0])
        response = self.current.take(request)
        if response is None:
            exchange.reset()  # as if no server listened
        else:
            exchange.send(response.to_bytes(request))


@contextmanager
def closed_sessions() -> Iterator[None]:
    """Close the connections of the apps that are created in the block at its end."""
    sessions: list[UpstreamSession] = []

    def create_session() -> UpstreamSession:
        sessions.append(UpstreamSession())
        return sessions[-1]

    with patch("app.factory.UpstreamSession", create_session):
        yield
    for session in sessions:
        session.close()


class FakeUpstreamServers:
    """The servers behind all fake upstreams of a test run: one without TLS and one with TLS."""

    def __init__(self) -> None:
        self._plain = _Server()
        self._tls = _Server(server_tls("upstream.pem", "upstream-key.pem"))

    def close(self) -> None:
        self._plain.close()
        self._tls.close()

    @contextmanager
    def serve(self) -> Iterator[FakeUpstream]:
        """Serve a new fake upstream to the apps that are created in the block; check it at the end."""
        upstream = self._plain.current = self._tls.current = FakeUpstream()

        def connect(address: tuple[str, int], *arguments: Any, **options: Any) -> Any:
            port = self._tls.port if address[1] == HTTPS_PORT else self._plain.port
            return _create_connection(("127.0.0.1", port), *arguments, **options)

        def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            if error := upstream.take_exception(request):  # which no socket can send
                raise error
            return _send(adapter, request, **options)

        with ExitStack() as stack:
            stack.enter_context(patch.object(urllib3_connection, "create_connection", connect))
            stack.enter_context(patch.object(HTTPAdapter, "send", send))
            stack.enter_context(patch("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(TLS / "upstream.pem")))
            stack.enter_context(closed_sessions())
            yield upstream
        upstream.check()
