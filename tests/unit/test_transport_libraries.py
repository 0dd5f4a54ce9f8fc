"""The parts of requests, urllib3 and http.client that app/upstream/transport relies on.

If a test fails after an upgrade, compare the library with app/upstream/transport/README.md.
"""

import http.client
import socket
from contextlib import closing
from types import SimpleNamespace

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from support.socket_upstream import SocketUpstream
from urllib3.exceptions import ProtocolError

from app.upstream.transport.session import UpstreamSession
from app.upstream.transport.streaming_response import StreamingResponse

SECONDS = 5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
# attributes of http.client's response that `begin` sets, beside the headers
HEAD_ATTRIBUTES = ("status", "code", "reason", "version", "chunked", "chunk_left", "length", "will_close")
HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\n",
)


class FixedUpstream(SocketUpstream):
    """Sends the same response to each request."""

    response = OK

    def respond(self, exchange):
        exchange.send(self.response)


@pytest.fixture(autouse=True)
def upstream():
    """Replaces the fixture of the same name: calls go over sockets."""
    with closing(FixedUpstream()) as upstream:
        yield upstream


@pytest.fixture
def session():
    with UpstreamSession() as session:
        yield session


def call(session, upstream):
    with session.call(f"{upstream.url}/v1", {}, b"{}", (SECONDS, SECONDS)) as response:
        assert b"".join(response.raw.stream(5, decode_content=True)) == b"ok"
    return response


def test_versions_are_those_of_the_readme():
    installed = [library.__version__.rpartition(".")[0] for library in (requests, urllib3)]
    assert installed == ["2.34", "2.8"]


def test_adapter_passes_these_arguments_to_the_pool():
    class Recorder(HTTPAdapter):
        def get_connection_with_tls_context(self, *_arguments, **_options):
            return SimpleNamespace(urlopen=self._urlopen)

        def _urlopen(self, **arguments):
            self.arguments = arguments
            raise ProtocolError

    adapter = Recorder()
    with pytest.raises(requests.ConnectionError):
        adapter.send(requests.Request("POST", "http://llm.test/v1", data=b"{}").prepare(), timeout=(1, 2))
    used = {"method", "url", "body", "headers", "timeout"}
    unused = {"redirect", "assert_same_host", "preload_content", "decode_content", "retries", "chunked"}
    assert set(adapter.arguments) == used | unused
    timeout = adapter.arguments["timeout"]
    assert (timeout.connect_timeout, timeout.read_timeout) == (1, 2)


@pytest.mark.parametrize("method", ["get_connection_with_tls_context", "request_url", "build_response"])
def test_requests_calls_the_method_that_the_adapter_overrides(session, upstream, monkeypatch, method):
    adapter = type(session.get_adapter(upstream.url))
    overriding, calls = getattr(adapter, method), []
    assert overriding is not getattr(HTTPAdapter, method)
    monkeypatch.setattr(adapter, method, lambda *a, **options: (calls.append(method), overriding(*a, **options))[1])
    call(session, upstream)
    assert calls == [method]


@pytest.mark.parametrize("response", [OK, CHUNKED])
def test_response_has_the_attributes_of_a_response_of_requests_without_a_cookie_jar(session, upstream, response):
    upstream.response = response
    missing = set(vars(requests.Response())) - set(vars(call(session, upstream)))
    assert missing == {"_next", "cookies", "elapsed"}


@pytest.mark.parametrize("response", [OK, CHUNKED])
def test_connection_returns_to_the_pool_after_its_response(session, upstream, response):
    upstream.response = response
    for _ in range(3):
        call(session, upstream)
    assert upstream.accepted == 1


def read_head(create, head):
    """Return a response that has read its head, and the bytes that it has left for the body."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(head + b"ok")
        theirs.shutdown(socket.SHUT_WR)
        response = create(ours)
        response.begin()
        facts = {name: getattr(response, name) for name in HEAD_ATTRIBUTES}
        if not response.chunked:
            del facts["chunk_left"]  # has no meaning then
        facts["headers"] = sorted((name.lower(), value.split()) for name, value in response.headers.items())
        body = b"" if response.length == 0 else response.fp.read()
        response.close()
    return facts, body


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("head", HEADS)
def test_head_is_read_as_by_http_client(head, buffered):
    expected = read_head(lambda sock: http.client.HTTPResponse(sock, method="POST"), head)

    def create(sock):
        received = sock.recv(4096) if buffered else b""
        return StreamingResponse(received, SimpleNamespace(sock=sock, close=lambda: None), "POST")

    assert read_head(create, head) == expected


def test_http_client_takes_an_early_hint_for_the_final_response():
    """If this fails, `StreamingResponse` may leave interim responses to http.client."""
    facts, _ = read_head(http.client.HTTPResponse, b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
    assert facts["status"] == 103
