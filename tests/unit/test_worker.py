"""The gunicorn worker without its arbiter; tests/server runs it as a service."""

import errno
import json
import os
import re
import signal
import socket
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import gevent
import pytest
from gevent.socket import wait_read
from gunicorn.config import Config as GunicornConfig
from gunicorn.http.errors import ParseException
from support.upstreams import OPENAI

from app import create_app, fairness
from app.config import Config
from app.embedded.launcher import Launcher
from app.errors import Draining
from app.server.client_socket import ClientSocket
from app.server.worker import DRAIN_KEEPALIVE_SECONDS, Worker

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Log:
    """A log that records its calls."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, level):
        return lambda message, *arguments, **options: self.calls.append((level, message))


@pytest.fixture
def make_worker(monkeypatch):
    """Make workers with the given settings."""
    made = []

    def make(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        worker = Worker(1, os.getppid(), [], None, 30, GunicornConfig(), Log())
        worker.wsgi = create_app(OPENAI)
        made.append(worker)
        return worker

    yield make
    for worker in made:
        worker.tmp.close()


@pytest.fixture
def worker(make_worker):
    return make_worker()


def handle(worker, served):
    worker.handle(served.getsockname(), served, ("10.0.0.7", 4711))


def received(client):
    return b"".join(iter(lambda: client.recv(65536), b""))


def conversation(worker, connection, application, data):
    """Let the worker serve the data with a WSGI application; return what it sends until it closes."""
    client, served = connection
    worker.wsgi.wsgi_app = application
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    handle(worker, served)
    return received(client)


class Body(list):
    """A body with a close method, as Flask's have one."""

    def close(self):
        pass


class FailingBody(Body):
    """A body that fails after its last chunk."""

    def __init__(self, chunks, error):
        super().__init__(chunks)
        self.error = error

    def __iter__(self):
        yield from super().__iter__()
        raise self.error


def application(body, headers=()):
    def app(environ, start_response):
        start_response("200 OK", list(headers))
        return body

    return app


def environ_of(worker, connection, data):
    """Return the environ that the app gets with a request."""
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        start_response("204 No Content", [])
        return []

    conversation(worker, connection, app, data)
    return seen


def test_the_environ_has_both_addresses_and_the_request_line(worker, connection):
    address, port = connection[0].getpeername()
    environ = environ_of(worker, connection, GET.replace(b"GET / ", b"POST /v1/text/generate?a=b "))
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("10.0.0.7", "4711")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (address, str(port))
    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/v1/text/generate")
    assert (environ["QUERY_STRING"], environ["SERVER_PROTOCOL"]) == ("a=b", "HTTP/1.1")
    assert (environ["wsgi.url_scheme"], environ["wsgi.input_terminated"]) == ("http", True)


@pytest.mark.parametrize(("path", "decoded"), [(b"/a%20b", "/a b"), (b"/%C3%A4", "/Ã¤"), (b"/a+b", "/a+b")])
def test_the_path_of_the_environ_is_decoded_to_one_character_a_byte(worker, connection, path, decoded):
    assert environ_of(worker, connection, GET.replace(b"/ ", path + b" "))["PATH_INFO"] == decoded


def test_headers_of_one_name_are_joined_in_the_environ(worker, connection):
    lines = b"Content-Type: a\r\nContent-Length: 0\r\nX-API-Key: b\r\nAccept: c\r\nAccept: d\r\n\r\n"
    environ = environ_of(worker, connection, GET[:-2] + lines)
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("a", "0")
    assert (environ["HTTP_X_API_KEY"], environ["HTTP_ACCEPT"]) == ("b", "c,d")


@pytest.mark.parametrize("header", [("X-Bad", "a\r\nInjected: b"), ("X Bad", "a"), ("X-Bad", "a\nb")])
def test_a_response_with_an_illegal_header_is_500_and_logged(worker, connection, header):
    response = conversation(worker, connection, application([b"a"], [header, ("X-Good", "a")]), GET)
    assert response.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert json.loads(response.partition(b"\r\n\r\n")[2])["type"] == "internal_error"
    assert b"Injected: b" not in response
    assert ("error", "unhandled %s") in worker.log.calls


@pytest.mark.parametrize(("number", "logged"), [(errno.EPIPE, False), (errno.EIO, True)])
def test_a_client_that_is_gone_is_not_logged_but_other_socket_errors_are(worker, connection, number, logged):
    def app(environ, start_response):
        raise OSError(number, "x")

    conversation(worker, connection, app, GET)
    assert bool(worker.log.calls) is logged


def test_an_error_for_a_client_that_is_gone_is_dropped(worker, connection):
    served = ClientSocket(connection[1])
    served.close()
    worker.handle_error(None, served, ("127.0.0.1", 1), ValueError())


def test_a_signal_before_the_app_is_loaded_stops_the_worker(worker):
    del worker.wsgi
    worker.handle_exit(signal.SIGTERM, None)
    gevent.wait(timeout=5)
    assert worker.alive is False


def kept_open(worker, connection):
    """Serve one request, wait for its response, and leave the connection idle."""
    client, served = connection
    worker.wsgi.wsgi_app = application([b"a"], [("Content-Length", "1")])
    serving = gevent.spawn(handle, worker, served)
    client.sendall(GET)
    wait_read(client.fileno(), timeout=5)
    assert client.recv(65536).endswith(b"\r\n\r\na")
    gevent.sleep(0)  # until the worker waits for the next request
    return serving


def is_open(client):
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True


@pytest.mark.parametrize(("timeout", "open_afterwards"), [("60s", True), ("1ms", False)])
def test_the_heartbeat_closes_connections_that_are_idle_for_too_long(make_worker, connection, timeout, open_afterwards):
    worker = make_worker(SERVER_IDLE_TIMEOUT=timeout)
    serving = kept_open(worker, connection)
    gevent.sleep(0.01)
    worker.notify()
    gevent.sleep(0.01)
    assert is_open(connection[0]) is open_afterwards
    serving.kill()


@pytest.mark.parametrize(("seconds", "open_afterwards"), [(60, True), (0, False)])
def test_a_draining_worker_keeps_idle_connections_for_a_shorter_time(
    make_worker, connection, monkeypatch, seconds, open_afterwards
):
    monkeypatch.setattr("app.server.worker.DRAIN_KEEPALIVE_SECONDS", seconds)
    worker = make_worker(SERVER_IDLE_TIMEOUT="60s")
    serving = kept_open(worker, connection)
    worker.alive = False
    worker.notify()
    gevent.sleep(0.01)
    assert is_open(connection[0]) is open_afterwards
    serving.kill()


def test_the_documented_proxy_closes_idle_connections_before_the_worker_does():
    site = (Path(__file__).parents[2] / "docs/nginx.conf").read_text()
    proxy_seconds = int(re.search(r"keepalive_timeout (\d+)s;", site)[1])
    assert proxy_seconds < min(DRAIN_KEEPALIVE_SECONDS, Config().server_idle_timeout)


def test_a_worker_whose_engine_has_lost_its_supervisor_exits(worker):
    worker.engine = Launcher(Config(), 1, 2)  # it has started nothing
    worker.notify()
    assert worker.alive is False


def test_a_draining_worker_serves_one_more_request_of_a_connection(worker, connection):
    worker.alive = False
    response = conversation(worker, connection, application([]), GET * 2)
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.count(b"HTTP/1.1") == 1


def test_a_body_that_fails_before_anything_is_sent_is_500(worker, connection):
    response = conversation(worker, connection, application(FailingBody([b""], ValueError())), GET)
    assert response.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


@pytest.mark.parametrize("error", [ValueError(), gevent.GreenletExit()])
def test_nothing_is_sent_after_a_response_that_failed(worker, connection, error):
    client, served = connection
    worker.wsgi.wsgi_app = application(FailingBody([b"a"], error))
    client.sendall(GET * 2)
    client.shutdown(socket.SHUT_WR)
    with suppress(gevent.GreenletExit):
        gevent.spawn(handle, worker, served).get()
    response = received(client)
    assert response.count(b"HTTP/1.1 ") == 1
    assert response.endswith(b"\r\n\r\n1\r\na\r\n")


@pytest.mark.parametrize(("error", "logged"), [(ValueError(), True), (Draining(), False)])
def test_a_response_that_fails_after_its_head_is_logged_unless_the_worker_drains(
    worker, connection, caplog, error, logged
):
    conversation(worker, connection, application(FailingBody([b"a"], error)), GET)
    assert bool([record for record in caplog.records if record.exc_info]) is logged


def test_an_empty_chunk_does_not_end_a_response(worker, connection):
    response = conversation(worker, connection, application(Body([b"", b"a", b"", b"b"])), GET * 2)
    assert response.count(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n") == 2


def test_a_client_that_expects_100_continue_gets_it_first(worker, connection):
    data = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n"
    response = conversation(worker, connection, application([b"a"]), data)
    assert response.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.fixture
def no_yields(monkeypatch):
    """Let no reader yield, so that time passes only where the test waits."""
    monkeypatch.setattr(fairness, "SLICE_SECONDS", 60)


def received_now(client):
    wait_read(client.fileno(), timeout=5)
    return client.recv(65536)


def test_a_body_has_its_own_time_after_that_of_the_head(make_worker, connection, no_yields):
    def app(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    worker = make_worker(SERVER_READ_TIMEOUT="300ms")
    worker.wsgi.wsgi_app = app
    client, served = connection
    gevent.spawn(handle, worker, served)
    # each part of the body is later than the head may be
    for part in (b"POST / HTTP/1.1\r\nHost: x\r\n", b"Content-Length: 5\r\n\r\n", b"he", b"llo"):
        client.sendall(part)
        gevent.sleep(0.12)
    assert received_now(client).endswith(b"\r\n\r\nhello")
    client.close()


def test_the_rest_of_a_body_has_its_own_time_after_the_response(make_worker, connection, no_yields):
    def app(environ, start_response):
        gevent.sleep(0.11)  # longer than the body may take
        start_response("200 OK", [("Content-Length", "1")])
        return [b"a"]

    worker = make_worker(SERVER_READ_TIMEOUT="100ms")
    worker.wsgi.wsgi_app = app
    client, served = connection
    serving = gevent.spawn(handle, worker, served)
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
    responses = [received_now(client)]
    for part in (b"he", b"llo"):
        gevent.sleep(0.02)
        client.sendall(part)
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    responses.append(received_now(client))
    gevent.wait([serving])
    assert [response[:15] for response in responses] == [b"HTTP/1.1 200 OK"] * 2


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def read_body(environ):
    environ["wsgi.input"].read()


def leave_body(environ):
    pass


def read_malformed(environ):
    with pytest.raises(ParseException):
        read_body(environ)


@pytest.mark.parametrize(
    ("data", "status", "read", "kept"),
    [
        (HEAD + b"Content-Length: 3\r\n\r\nabc", "200 OK", read_body, True),
        (HEAD + b"Content-Length: 3\r\n\r\nabc", "401 Unauthorized", leave_body, True),
        (HEAD + b"Content-Length: 9000\r\n\r\n" + b"x" * 9000, "401 Unauthorized", leave_body, True),
        (HEAD + b"Content-Length: 9000\r\n\r\n" + b"x" * 9000, "200 OK", read_body, True),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", "200 OK", read_body, True),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", "401 Unauthorized", leave_body, False),
        (HEAD + b"Content-Length: 3\r\n\r\nabc", "413 Content Too Large", leave_body, False),
        (HEAD + b"Content-Length: 4000001\r\n\r\n", "401 Unauthorized", leave_body, False),
        (HEAD + b"Content-Length: 999999999999999\r\n\r\n", "404 Not Found", leave_body, False),
        (CHUNKED + b"0\r\nHost: y\r\n\r\n", "400 Bad Request", read_malformed, False),
        (CHUNKED + b"0\r\nX Y: y\r\n\r\n", "400 Bad Request", read_malformed, False),
        (CHUNKED + b"zz\r\n", "400 Bad Request", read_malformed, False),
        (CHUNKED + b"zz\r\n", "415 Unsupported Media Type", leave_body, False),
        (HEAD + b"Content-Length: 3\r\n\r\na", "400 Bad Request", read_body, False),
    ],
)
def test_the_connection_closes_if_the_start_of_the_next_request_is_in_doubt(
    make_worker, connection, data, status, read, kept
):
    def app(environ, start_response):
        if environ["REQUEST_METHOD"] == "GET":
            return application([b"next"], [("Content-Length", "4")])(environ, start_response)
        read(environ)
        return application([b"a"], [("Content-Length", "1")])(
            environ, lambda _, headers: start_response(status, headers)
        )

    worker = make_worker(MAX_BODY_BYTES="1000000")
    following = GET.replace(b"Host", b"Connection: close\r\nHost") if kept else b""
    response = conversation(worker, connection, app, data + following)
    head = response.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 " + status.encode())
    assert b"\r\nConnection: " + (b"keep-alive" if kept else b"close") in head
    assert response.endswith(b"\r\n\r\nnext" if kept else b"\r\n\r\na")


@pytest.mark.parametrize(
    "lines", [b"Connection: TE, close", b"Connection: close ,x", b"Connection: x\r\nConnection: Close"]
)
def test_close_is_read_among_other_options(worker, connection, lines):
    response = conversation(worker, connection, application([b"a"]), (GET[:-2] + lines + b"\r\n\r\n") * 2)
    assert response.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in response


@pytest.mark.parametrize(
    ("options", "responses"), [(b"keep-alive", 2), (b"TE, Keep-Alive", 2), (b"x", 1), (b"keep-alive, close", 1)]
)
def test_http_1_0_is_kept_alive_only_if_the_client_asks_for_it(worker, connection, options, responses):
    data = GET.replace(b"1.1", b"1.0")[:-2] + b"Connection: " + options + b"\r\n\r\n"
    response = conversation(worker, connection, application([b"a"], [("Content-Length", "1")]), data * 2)
    assert response.count(b"HTTP/1.0 200 OK") == responses


def test_a_later_minor_version_is_answered_with_http_1_1(worker, connection):
    response = conversation(worker, connection, application([b"a"]), GET.replace(b"HTTP/1.1", b"HTTP/1.9"))
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_end_of_the_grace_sends_no_second_response_to_a_client_that_still_sends_its_body(worker, connection):
    client, served = connection
    worker.wsgi.wsgi_app = application([b"a"], [("Content-Length", "1")])
    client.sendall(HEAD + b"Content-Length: 9\r\n\r\nab")
    serving = gevent.spawn(handle, worker, served)
    assert received_now(client).endswith(b"\r\n\r\na")
    gevent.sleep(0)  # until the worker waits for the rest of the body
    serving.kill(Draining, block=False)
    gevent.sleep(0)
    client.shutdown(socket.SHUT_WR)
    serving.get(timeout=5)
    assert received(client) == b""


def test_other_greenlets_run_between_pipelined_requests(worker, connection):
    turns = []

    def app(environ, start_response):
        turns.append("request")
        end = time.perf_counter() + 0.006  # longer than one slice
        while time.perf_counter() < end:
            pass
        start_response("204 No Content", [])
        return []

    def other():
        while True:
            turns.append("other")
            gevent.sleep(0)

    greenlet = gevent.spawn(other)
    conversation(worker, connection, app, GET * 3)
    greenlet.kill()
    requests = [number for number, turn in enumerate(turns) if turn == "request"]
    assert len(requests) == 3
    assert all("other" in turns[start:end] for start, end in pairwise(requests))


class Announced:
    """A ready message that records when it is logged."""

    def __init__(self):
        self.times = 0

    def log_once(self, log):
        self.times += 1


@pytest.fixture
def run(monkeypatch):
    """Run the main loop of a worker that has no listeners."""
    monkeypatch.setattr("app.server.worker.READINESS_POLL_SECONDS", 0.001)
    monkeypatch.setattr("app.server.worker.HEARTBEAT_SECONDS", 60)  # a stop does not wait for the next one
    limited = []
    for name in ("limit_malloc_retention", "freeze_startup_objects"):  # of this process they would not be undone
        monkeypatch.setattr(f"app.server.worker.{name}", lambda name=name: limited.append(name))
    yield lambda worker: gevent.spawn(worker.run)
    assert limited == ["limit_malloc_retention", "freeze_startup_objects"]


def test_readiness_is_announced_once_the_service_has_started(worker, run):
    started = []
    worker.wsgi.extensions["lifecycle"].has_started = lambda: bool(started)
    worker.ready_message = Announced()
    running = run(worker)
    gevent.sleep(0.02)
    assert worker.ready_message.times == 0
    started.append(True)
    gevent.sleep(0.02)
    assert worker.ready_message.times == 1
    worker.handle_exit(signal.SIGTERM, None)
    running.get(timeout=5)


def test_a_worker_that_drains_before_it_was_ready_announces_nothing(worker, run):
    worker.wsgi.extensions["lifecycle"].has_started = lambda: False
    worker.ready_message = Announced()
    running = run(worker)
    gevent.sleep(0.01)
    worker.handle_exit(signal.SIGTERM, None)
    running.get(timeout=5)
    gevent.sleep(0.01)
    assert worker.ready_message.times == 0
