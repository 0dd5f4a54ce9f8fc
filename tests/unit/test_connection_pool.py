"""Session, connection pool and streaming responses, over real sockets."""

import io
import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest
import requests
from support.socket_upstream import TLS, SocketUpstream, server_tls
from urllib3.exceptions import HTTPError

from app.errors import UpstreamInvalidResponse, UpstreamTimeout, UpstreamUnavailable
from app.upstream.transport.errors import map_transport_error
from app.upstream.transport.session import UpstreamSession

SECONDS = 5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STALE = OK.replace(b"ok", b"no")


class ScriptedUpstream(SocketUpstream):
    """Sends the next of a connection's responses to each of its requests, then waits for its end or closes it."""

    def __init__(self, *connections, closes_first=False, **options):
        self.heads = []
        self.client_closed = threading.Event()
        self._connections = connections
        self._closes_first = closes_first
        super().__init__(**options)

    def serve(self, connection, number):
        connection.settimeout(SECONDS)
        self._newest = connection
        for response in self._connections[number - 1]:
            exchange = self.next_exchange(connection)
            if exchange is None:
                self.client_closed.set()
                return
            self.heads.append(exchange.head)
            connection.sendall(response)
        if not self._closes_first and not connection.recv(1):
            self.client_closed.set()

    def send_unexpected(self, data):
        """Send bytes on the newest connection; on the loopback interface they have arrived at the return."""
        self._newest.sendall(data)


@contextmanager
def serving(*connections, **options):
    with closing(ScriptedUpstream(*connections, **options)) as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def upstream():
    """Replaces the fixture of the same name: calls go over sockets."""


@pytest.fixture
def session():
    with UpstreamSession() as session:
        yield session


def call(session, url, content=b"{}", timeout=(SECONDS, SECONDS)):
    return session.call(f"{url}/v1", {}, content, timeout)


def body(session, url, **options):
    with call(session, url, **options) as response:
        return b"".join(response.raw.stream(65536, decode_content=True))


def error_type(session, url, **options):
    with pytest.raises((requests.RequestException, HTTPError)) as caught:
        body(session, url, **options)
    return type(map_transport_error(caught.value))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 no number\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"]
)
def test_connection_with_an_unreadable_response_is_closed_while_the_error_is_still_referenced(session, head):
    with serving([head]) as upstream:
        with pytest.raises((requests.RequestException, HTTPError)) as caught:
            call(session, upstream.url)
        assert upstream.client_closed.wait(SECONDS)
    assert caught.value


def test_upstream_that_stops_reading_the_request_is_a_timeout(session):
    large = b"x" * (64 * 1024**2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert error_type(session, url, content=large, timeout=(SECONDS, 0.1)) is UpstreamTimeout
        assert time.monotonic() - started < SECONDS / 2


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity"])
def test_transfer_coding_other_than_chunked_closes_the_connection_despite_a_length(session, coding):
    first = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with serving([first.encode(), STALE], [OK]) as upstream:
        with call(session, upstream.url) as response:
            response.raw.read1(5)
        assert body(session, upstream.url) == b"ok"


def test_bytes_after_a_response_close_the_connection(session):
    with serving([OK + b"HTTP/1.1 2", STALE], [OK]) as upstream:
        assert body(session, upstream.url) == b"ok"
        assert upstream.client_closed.wait(SECONDS)
        assert body(session, upstream.url) == b"ok"


def test_ipv6_address_has_brackets_in_the_host_header(session):
    with serving([OK], host="::1") as upstream:
        assert body(session, upstream.url) == b"ok"
    assert f"Host: {upstream.url.removeprefix('http://')}".encode() in upstream.heads[0].splitlines()


def test_folded_headers_are_read(session):
    with serving([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Folded: a\r\n b\r\n\r\nok"]) as upstream:
        response = call(session, upstream.url)
        assert response.headers["X-Folded"].split() == ["a", "b"]
        assert response.raw.read() == b"ok"


def test_headers_longer_than_one_read_are_read(session):
    with serving([b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok"]) as upstream:
        assert body(session, upstream.url) == b"ok"


@pytest.mark.parametrize("length", ["", "Content-Length: none\r\n", "Content-Length: -1\r\n"])
def test_response_without_a_length_ends_with_its_connection(session, length):
    with serving([f"HTTP/1.0 200 OK\r\n{length}\r\nok".encode()], closes_first=True) as upstream:
        assert body(session, upstream.url) == b"ok"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_connection_is_reused_after_a_response_without_a_body(session, status):
    with serving([f"HTTP/1.1 {status}\r\n\r\n".encode(), OK]) as upstream:
        assert body(session, upstream.url) == b""
        assert body(session, upstream.url) == b"ok"


def test_connection_close_header_closes_the_connection(session):
    with serving([OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), STALE], [OK]) as upstream:
        assert body(session, upstream.url) == b"ok"
        assert upstream.client_closed.wait(SECONDS)
        assert body(session, upstream.url) == b"ok"


def test_response_closed_before_its_end_closes_the_connection(session):
    with serving([OK[:-1], STALE], [OK]) as upstream:
        with call(session, upstream.url) as response:
            assert response.raw.read1(1) == b"o"
        assert upstream.client_closed.wait(SECONDS)
        assert body(session, upstream.url) == b"ok"


def test_bytes_on_an_idle_connection_are_no_response_to_the_next_request(session):
    with serving([OK], [OK]) as upstream:
        assert body(session, upstream.url) == b"ok"
        upstream.send_unexpected(STALE)
        assert body(session, upstream.url) == b"ok"


def chunked(size):
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [b"2", b"02", b"2;name=value", b"2 ;a", b"0000000000000002"])
def test_chunk_may_have_zeros_and_extensions(session, size):
    with serving([chunked(size), OK]) as upstream:
        assert body(session, upstream.url) == b"ok"
        assert body(session, upstream.url) == b"ok"


@pytest.mark.parametrize(
    "size", [b"-5", b"-1", b"-0", b"+2", b"0x2", b"0_2", b"", b"x", b"2,", b"\xb2", b"f" * 17, b"2" * 70_000]
)
@pytest.mark.parametrize("read", ["stream", "read1"])
def test_invalid_chunk_size_is_an_invalid_response(session, size, read):
    with serving([chunked(size)], [OK]) as upstream:
        with pytest.raises((requests.RequestException, HTTPError)) as caught, call(session, upstream.url) as response:
            list(response.raw.stream(65536)) if read == "stream" else response.raw.read1(65536)
        assert type(map_transport_error(caught.value)) is UpstreamInvalidResponse
        assert body(session, upstream.url) == b"ok"


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 11,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    ],
)
def test_malformed_response_is_an_invalid_response(session, response):
    with serving([response]) as upstream:
        assert error_type(session, upstream.url) is UpstreamInvalidResponse


def test_interim_responses_are_skipped(session):
    with serving([b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 3 + OK]) as upstream:
        assert body(session, upstream.url) == b"ok"


def test_line_break_in_a_header_is_refused(session):
    with serving([OK]) as upstream, pytest.raises(ValueError, match="line break"):
        session.call(f"{upstream.url}/v1", {"X-Model": "a\r\nX-Other: b"}, None, (SECONDS, SECONDS))
    assert not upstream.heads


def test_untrusted_certificate_ends_the_call_before_the_request(session):
    with serving([OK], tls=server_tls()) as upstream:
        assert error_type(session, upstream.url) is UpstreamUnavailable
    assert not upstream.heads


def test_certificate_of_another_host_ends_the_call_before_the_request(session, monkeypatch):
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(TLS / "certificate.pem"))
    with serving([OK], tls=server_tls()) as upstream:
        assert error_type(session, upstream.url.replace("127.0.0.1", "127.0.0.2")) is UpstreamUnavailable
    assert not upstream.heads


@pytest.fixture
def trusted_url(monkeypatch):
    """Trust the test certificate; return a function that puts its host into a URL."""
    getaddrinfo = socket.getaddrinfo
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(TLS / "certificate.pem"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, *how: getaddrinfo("127.0.0.1", port, *how))
    return lambda url: url.replace("127.0.0.1", "another-host.test")


def test_tls_sends_the_host_name_and_reuses_the_connection(session, trusted_url):
    names = []
    context = server_tls()
    context.sni_callback = lambda _connection, name, _context: names.append(name)
    with serving([OK, OK], tls=context) as upstream:
        assert [body(session, trusted_url(upstream.url)) for _ in range(2)] == [b"ok", b"ok"]
    assert names == ["another-host.test"]


def test_decrypted_bytes_after_a_response_close_the_connection(session, trusted_url):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    length = io.DEFAULT_BUFFER_SIZE - len(head % 1000)
    with serving([head % length + b"x" * length + STALE, STALE], [OK], tls=server_tls()) as upstream:
        assert len(body(session, trusted_url(upstream.url))) == length
        assert body(session, trusted_url(upstream.url)) == b"ok"


def test_refused_connection_is_an_unavailable_upstream(session):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert error_type(session, url) is UpstreamUnavailable


def test_silent_upstream_is_a_timeout(session):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert error_type(session, url, timeout=(SECONDS, 0.05)) is UpstreamTimeout


def test_proxies_of_the_environment_are_ignored(session, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with serving([OK]) as upstream:
        assert body(session, upstream.url) == b"ok"
    assert upstream.heads[0].startswith(b"POST /v1 HTTP/1.1\r\n")


def test_closing_the_session_closes_its_idle_connections(session):
    with serving([OK, OK]) as upstream:
        assert body(session, upstream.url) == b"ok"
        assert not upstream.client_closed.is_set()
        session.close()
        assert upstream.client_closed.wait(SECONDS)
