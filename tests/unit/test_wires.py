"""The exchange with an upstream, over real sockets."""

import io
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

import pytest
import requests
from urllib3.exceptions import HTTPError

from app.errors import UpstreamInvalidResponse, UpstreamTimeout, UpstreamUnavailable
from app.upstream.transport.errors import map_transport_error
from app.upstream.transport.session import UpstreamSession

TLS = Path(__file__).parents[1] / "data/tls"
SECONDS = 5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STALE = OK.replace(b"ok", b"no")


class Upstream:
    """Gives each request on each connection the next of the answers, and closes after the last of a connection's."""

    def __init__(self, *connections, family=socket.AF_INET, host="127.0.0.1", context=None, ends=False):
        self.heads = []
        self.closed = threading.Event()
        self._connections = connections
        self._context = context
        self._ends = ends
        self._listener = socket.create_server((host, 0), family=family)
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.url = f"{'https' if context else 'http'}://{shown}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        for answers in self._connections:
            with suppress(OSError):  # of the other end's making
                connection, _ = self._listener.accept()
                connection.settimeout(SECONDS)
                with (
                    self._context.wrap_socket(connection, server_side=True) if self._context else connection as wrapped
                ):
                    self._serve(wrapped, answers)

    def _serve(self, connection, answers):
        with connection.makefile("rb") as file:
            for answer in answers:
                head = b"".join(takewhile(lambda line: line.strip(), file))
                if not head:
                    self.closed.set()
                    return
                self.heads.append(head)
                length = [line for line in head.splitlines() if line.lower().startswith(b"content-length:")]
                file.read(int(length[0].partition(b":")[2]) if length else 0)
                connection.sendall(answer)
            if not self._ends and not file.read(1):  # the other end closed first
                self.closed.set()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # ends the wait for the next connection
        self._listener.close()


@contextmanager
def serving(*connections, **options):
    made = Upstream(*connections, **options)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def upstream():
    """No stand-in for the upstream: calls go over sockets."""


@pytest.fixture
def session():
    made = UpstreamSession()
    yield made
    for pool in made.get_adapter("https://")._pools.values():
        for connection in pool._kept:
            connection.close()


def call(session, url, content=b"{}", timeout=(SECONDS, SECONDS)):
    return session.call(f"{url}/v1", {}, content, timeout)


def body(session, url, **options):
    with call(session, url, **options) as response:
        return b"".join(response.raw.stream(65536, decode_content=True))


def kept(session):
    return next(iter(session.get_adapter("https://")._pools.values()))._kept[0]


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    return context


def fault(session, url, **options):
    with pytest.raises((requests.RequestException, HTTPError)) as caught:
        body(session, url, **options)
    return type(map_transport_error(caught.value))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 no number\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"]
)
def test_a_connection_whose_answer_cannot_be_read_is_closed_at_once_whoever_keeps_the_error(session, head):
    with serving([head]) as there:
        with pytest.raises((requests.RequestException, HTTPError)) as caught:
            call(session, there.url)
        assert there.closed.wait(SECONDS)
    assert caught.value


def test_an_upstream_that_takes_no_more_of_a_request_is_waited_for_no_longer_than_one_that_says_nothing(session):
    large = b"x" * (64 * 1024**2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert fault(session, url, content=large, timeout=(SECONDS, 0.1)) is UpstreamTimeout
        assert time.monotonic() - began < SECONDS / 2


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity"])
def test_an_answer_of_another_coding_than_chunked_ends_its_connection_whatever_length_it_names(session, coding):
    first = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with serving([first.encode(), STALE], [OK]) as there:
        with call(session, there.url) as response:
            response.raw.read1(5)
        assert body(session, there.url) == b"ok"


def test_bytes_behind_the_end_of_an_answer_end_its_connection(session):
    with serving([OK + b"HTTP/1.1 2", STALE], [OK]) as there:
        assert body(session, there.url) == b"ok"
        assert there.closed.wait(SECONDS)
        assert body(session, there.url) == b"ok"


def test_an_ipv6_address_is_named_with_its_brackets(session):
    with serving([OK], family=socket.AF_INET6, host="::1") as there:
        assert body(session, there.url) == b"ok"
    assert f"Host: {there.url.removeprefix('http://')}\r\n".encode() in there.heads[0]


def test_headers_in_an_old_form_are_read_all_the_same(session):
    with serving([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Folded: a\r\n b\r\n\r\nok"]) as there:
        response = call(session, there.url)
        assert response.headers["X-Folded"].split() == ["a", "b"]
        assert response.raw.read() == b"ok"


def test_headers_that_come_in_pieces_are_read_whole(session):
    with serving([b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok"]) as there:
        assert body(session, there.url) == b"ok"


@pytest.mark.parametrize("length", ["", "Content-Length: none\r\n", "Content-Length: -1\r\n"])
def test_an_answer_without_a_length_ends_with_its_connection(session, length):
    with serving([f"HTTP/1.0 200 OK\r\n{length}\r\nok".encode()], ends=True) as there:
        assert body(session, there.url) == b"ok"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_keeps_its_connection(session, status):
    with serving([f"HTTP/1.1 {status}\r\n\r\n".encode(), OK]) as there:
        assert body(session, there.url) == b""
        assert body(session, there.url) == b"ok"


def test_an_answer_that_says_so_ends_its_connection(session):
    with serving([OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), STALE], [OK]) as there:
        assert body(session, there.url) == b"ok"
        assert there.closed.wait(SECONDS)
        assert body(session, there.url) == b"ok"


def test_an_answer_that_is_let_go_before_its_end_ends_its_connection(session):
    with serving([OK[:-1], STALE], [OK]) as there:
        with call(session, there.url) as response:
            assert response.raw.read1(1) == b"o"
        assert there.closed.wait(SECONDS)
        assert body(session, there.url) == b"ok"


def test_an_answer_that_nobody_asked_for_is_no_answer_to_the_next_request(session):
    with serving([OK], [OK]) as there:
        assert body(session, there.url) == b"ok"
        connection = kept(session)
        ours, theirs = socket.socketpair()
        with theirs:
            connection.sock.close()
            connection.sock = ours
            theirs.sendall(STALE)
            assert body(session, there.url) == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 11,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    ],
)
def test_what_is_no_answer_is_an_invalid_one(session, answer):
    with serving([answer]) as there:
        assert fault(session, there.url) is UpstreamInvalidResponse


def test_interim_answers_are_read_over(session):
    with serving([b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 3 + OK]) as there:
        assert body(session, there.url) == b"ok"


def test_a_header_cannot_hold_another_one(session):
    with serving([OK]) as there, pytest.raises(ValueError, match="line break"):
        session.call(f"{there.url}/v1", {"X-Model": "a\r\nX-Other: b"}, None, (SECONDS, SECONDS))
    assert not there.heads


def test_a_certificate_that_nobody_vouches_for_ends_the_call_before_the_request(session):
    with serving([OK], context=tls()) as there:
        assert fault(session, there.url) is UpstreamUnavailable
    assert not there.heads


def test_a_certificate_for_another_host_ends_the_call_before_the_request(session, monkeypatch):
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(TLS / "certificate.pem"))
    with serving([OK], context=tls()) as there:
        assert fault(session, there.url.replace("127.0.0.1", "127.0.0.2")) is UpstreamUnavailable
    assert not there.heads


@pytest.fixture
def vouched(monkeypatch):
    """Trust the certificate, and find its host here."""
    find = socket.getaddrinfo
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(TLS / "certificate.pem"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, *how: find("127.0.0.1", port, *how))
    return lambda url: url.replace("127.0.0.1", "another-host.test")


def test_tls_names_the_host_and_keeps_the_connection(session, vouched):
    asked = []
    context = tls()
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    with serving([OK, OK], context=context) as there:
        assert [body(session, vouched(there.url)) for _ in range(2)] == [b"ok", b"ok"]
    assert asked == ["another-host.test"]


def test_bytes_that_tls_has_decrypted_behind_an_answer_end_its_connection(session, vouched):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    length = io.DEFAULT_BUFFER_SIZE - len(head % 1000)
    with serving([head % length + b"x" * length + STALE, STALE], [OK], context=tls()) as there:
        assert len(body(session, vouched(there.url))) == length
        assert body(session, vouched(there.url)) == b"ok"


def test_where_nobody_listens_there_is_no_upstream(session):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert fault(session, url) is UpstreamUnavailable


def test_an_upstream_that_says_nothing_is_a_timeout(session):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert fault(session, url, timeout=(SECONDS, 0.05)) is UpstreamTimeout


def test_proxies_of_the_environment_are_not_asked(session, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with serving([OK]) as there:
        assert body(session, there.url) == b"ok"
    assert there.heads[0].startswith(b"POST /v1 HTTP/1.1\r\n")
