"""The gunicorn worker's own faults; tests/server has its ordinary life."""

import errno
import gc
import json
import os
import re
import signal
import socket
from pathlib import Path

import gevent
import psutil
import pytest
from gevent.event import Event
from gevent.socket import wait_read
from gunicorn.config import Config as GunicornConfig
from support.upstreams import OPENAI

from app import create_app
from app.config import Config
from app.embedded.launcher import Launcher
from app.server.client_socket import ClientSocket
from app.server.process_memory import FULL_COLLECTION_AFTER, freeze_startup_objects, limit_malloc_retention
from app.server.worker import DRAIN_KEEPALIVE_SECONDS, Worker, _Server


class Log:
    """A log that keeps what it is told."""

    def __init__(self):
        self.said = []

    def __getattr__(self, level):
        return lambda message, *arguments, **options: self.said.append((level, message))


@pytest.fixture
def worker():
    made = Worker(1, os.getppid(), [], None, 30, GunicornConfig(), Log())
    made.wsgi = create_app(OPENAI)
    yield made
    made.tmp.close()


def handle(worker, served):
    worker.handle(served.getsockname(), served, ("127.0.0.1", 1))


def test_an_answer_that_is_no_http_is_told_as_a_bug_of_ours(worker, connection):
    def application(environ, start_response):
        start_response("200 OK", [("X-Bad", "a\r\nInjected: b")])
        return []

    caller, served = connection
    worker.wsgi.wsgi_app = application
    caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    caller.shutdown(socket.SHUT_WR)
    handle(worker, served)
    answer = b"".join(iter(lambda: caller.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "internal_error"
    assert ("error", "unhandled %s") in worker.log.said


@pytest.mark.parametrize(("number", "logged"), [(errno.EPIPE, False), (errno.EIO, True)])
def test_a_caller_that_has_gone_is_no_news_but_another_fault_of_the_socket_is(worker, connection, number, logged):
    def fail(*arguments):
        raise OSError(number, "x")

    worker._serve = fail
    handle(worker, connection[1])
    assert bool(worker.log.said) is logged


def test_an_answer_to_a_caller_that_has_gone_is_dropped(worker, connection):
    served = ClientSocket(connection[1])
    served.close()
    worker.handle_error(None, served, ("127.0.0.1", 1), ValueError())


def test_a_signal_that_comes_before_the_app_is_loaded_stops_the_worker(worker, connection):
    del worker.wsgi
    worker.handle_exit(signal.SIGTERM, None)
    gevent.wait(timeout=5)
    assert worker.alive is False


def test_the_heartbeat_closes_connections_that_were_idle_for_too_long(worker, connection):
    worker._limiter.mark_idle(connection[1], kept=True)
    worker.notify()
    connection[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        connection[0].recv(1)
    worker._idle_timeout = 0
    worker.notify()
    connection[0].settimeout(5)
    assert connection[0].recv(1) == b""


def test_a_worker_that_ends_closes_idle_connections_when_their_last_call_is_over(worker, connection, monkeypatch):
    worker._limiter.mark_idle(connection[1], kept=True)
    worker.alive = False
    monkeypatch.setattr("app.server.worker.DRAIN_KEEPALIVE_SECONDS", 60)
    worker.notify()
    connection[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        connection[0].recv(1)
    monkeypatch.setattr("app.server.worker.DRAIN_KEEPALIVE_SECONDS", 0)
    worker.notify()
    connection[0].settimeout(5)
    assert connection[0].recv(1) == b""


def test_the_documented_proxy_lets_idle_connections_go_before_the_worker_closes_them():
    site = (Path(__file__).parents[2] / "docs/nginx.conf").read_text()
    kept = int(re.search(r"keepalive_timeout (\d+)s;", site)[1])
    assert kept < min(DRAIN_KEEPALIVE_SECONDS, Config().server_idle_timeout)


def test_a_worker_whose_engine_has_lost_its_supervisor_ends(worker):
    worker.engine = Launcher(Config(), 1)  # which runs nothing
    worker.notify()
    assert worker.alive is False


def test_a_stopping_worker_still_serves_what_was_connected_before(worker, connection):
    caller, served = connection
    worker.alive = False
    caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    caller.shutdown(socket.SHUT_WR)
    worker.wsgi = lambda environ, start_response: start_response("204 No Content", []) and []
    handle(worker, served)
    answer = b"".join(iter(lambda: caller.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert answer.count(b"HTTP/1.1") == 1


def test_what_connected_before_the_listener_closes_is_served():
    served = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server = _Server(listener, handle=lambda client, address: served.set())
        with socket.create_connection(listener.getsockname(), timeout=5):
            server.close()
            assert served.wait(5)


def test_large_blocks_are_given_back_to_the_system():
    process = psutil.Process()
    limit_malloc_retention()
    before = process.memory_info().rss
    for megabytes in (1, 8, 24):
        pieces = [bytes(64 * 1024) + b"x" for _ in range(16 * megabytes)]
        whole = b"".join(pieces)
        del pieces, whole
    assert process.memory_info().rss - before < 8 * 1024**2


def test_what_is_loaded_is_not_looked_through_again_and_the_rest_more_rarely():
    thresholds = gc.get_threshold()
    gc.disable()
    try:
        freeze_startup_objects()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (*thresholds[:2], FULL_COLLECTION_AFTER)
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def answered(worker, connection, application, requests):
    caller, served = connection
    worker.wsgi.wsgi_app = application
    caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
    caller.shutdown(socket.SHUT_WR)
    handle(worker, served)
    return b"".join(iter(lambda: caller.recv(65536), b""))


class Pieces(list):
    """A body, as Flask's have it."""

    def close(self):
        pass


class Failing(Pieces):
    """A body of which the last piece fails."""

    def __init__(self, pieces, error):
        super().__init__(pieces)
        self.error = error

    def __iter__(self):
        yield from super().__iter__()
        raise self.error


def application_of(body):
    def application(environ, start_response):
        start_response("200 OK", [])
        return body

    return application


def test_a_body_that_fails_before_anything_was_sent_is_told_as_a_bug_of_ours(worker, connection):
    answer = answered(worker, connection, application_of(Failing([b""], ValueError())), requests=1)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


@pytest.mark.parametrize("error", [ValueError(), gevent.GreenletExit()])
def test_behind_a_body_that_broke_off_nothing_more_is_sent(worker, connection, error):
    served = gevent.spawn(answered, worker, connection, application_of(Failing([b"a"], error)), requests=2)
    gevent.wait([served])
    caller = connection[0]
    answer = served.value if isinstance(served.value, bytes) else b"".join(iter(lambda: caller.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"\r\n\r\n1\r\na\r\n")


def test_pieces_without_a_byte_do_not_end_an_answer(worker, connection):
    answer = answered(worker, connection, application_of(Pieces([b"", b"a", b"", b"b"])), requests=2)
    assert answer.count(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n") == 2


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nInjected: b"])
def test_a_header_that_ends_its_line_is_told_as_a_bug_of_ours(worker, connection, value):
    def application(environ, start_response):
        start_response("200 OK", [("X-Bad", value), ("X-Bad", "a")])
        return [b"a"]

    answer = answered(worker, connection, application, requests=1)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"Injected: b" not in answer


def test_a_caller_that_expects_to_be_told_to_go_on_is_told_so_first(worker, connection):
    caller, served = connection
    worker.wsgi.wsgi_app = application_of([b"a"])
    caller.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n")
    caller.shutdown(socket.SHUT_WR)
    handle(worker, served)
    answer = b"".join(iter(lambda: caller.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_what_is_left_of_a_body_has_its_time_from_the_answer_on(worker, connection):
    def application(environ, start_response):
        served = environ["gunicorn.socket"]
        served.set_read_deadline(-1)  # the time of the body is over
        served._late = True
        start_response("200 OK", [("Content-Length", "1")])
        return [b"a"]

    def received():
        wait_read(caller.fileno(), timeout=5)
        return caller.recv(65536)

    worker.wsgi.wsgi_app = application
    caller, served = connection
    serving = gevent.spawn(handle, worker, served)
    caller.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
    answers = [received()]
    caller.sendall(b"hello" + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answers.append(received())
    gevent.wait([serving])
    assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 2
