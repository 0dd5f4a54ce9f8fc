"""How the service stops: requests in flight are answered, and no process is left."""

import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.servers import Service, chat_response, connects, reply, until
from support.wire import connect, raw, read_response, read_until_closed


def test_a_request_that_arrives_around_sigterm_is_answered(service):
    with connect(service) as late, connect(service) as half:
        half.sendall(b"GET /health HTTP/1.1\r\n")
        response = service.get("/health")  # by now both connections are accepted
        assert response.status_code == 200
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(service.stop)
            until(lambda: any("Handling signal: term" in line for line in service.lines))
            late.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            half.sendall(b"Host: x\r\n\r\n")
            assert (read_response(late)[0], read_response(half)[0]) == (200, 200)
            assert stopped.result() == 0


def test_on_sigterm_requests_finish_idle_connections_close_and_no_process_is_left(service, remote):
    release = threading.Event()

    def respond(handler):
        release.wait(20)
        reply(handler, chat_response("Hi."))

    remote.respond = respond
    idle = connect(service)
    idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read_response(idle)[0] == 200
    with ThreadPoolExecutor(51) as pool:
        calls = [pool.submit(service.post, "/v1/text/generate", prompt="x") for _ in range(50)]
        for _ in calls:
            assert remote.arrived.acquire(timeout=20)
        stopped = pool.submit(service.stop)
        assert idle.recv(1) == b""
        release.set()
        assert [call.result().status_code for call in calls] == [200] * 50
        assert stopped.result() == 0
    idle.close()


def test_a_connection_with_promised_keep_alive_serves_one_more_request_while_draining(service, remote):
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(20), reply(handler, chat_response("Hi.")))
    head = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    ready = b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(service) as promised, ThreadPoolExecutor(1) as pool:
        promised.sendall(head + b'{"prompt": "x"}')
        assert remote.arrived.acquire(timeout=20)
        stopped = pool.submit(service.stop)
        until(lambda: not connects(service.port))
        release.set()
        status, headers, _ = read_response(promised)
        assert (status, headers["Connection"]) == (200, "keep-alive")
        promised.sendall(ready)
        status, headers, body = read_response(promised)
        assert (status, headers["Connection"], body["status"]) == (503, "close", "draining")
        assert read_until_closed(promised) == b""
        assert stopped.result() == 0


def test_an_idle_connection_is_closed_silently_after_the_grace(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SHUTDOWN_GRACE="100ms")
    with connect(service) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_response(idle)[0] == 200
        assert service.stop() == 0
        assert idle.recv(1) == b""


def test_ctrl_c_leaves_no_process(start, remote):
    service = start(AI_BACKEND="embedded")
    until(lambda: service.get("/health/ready").status_code == 200)
    assert len(service.processes()) == 5  # arbiter, worker, supervisor, engine, encoder
    assert service.stop(signal.SIGINT) == 0


def test_while_draining_requests_are_served_and_readiness_is_503_until_the_delay_is_over(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", DRAIN_DELAY="2s")
    assert service.get("/health/ready").status_code == 200
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(service.stop)
        until(lambda: service.get("/health/ready").status_code == 503)
        assert service.get("/health/ready").json()["status"] == "draining"
        assert service.post("/v1/text/generate", prompt="x").status_code == 200
        assert stopped.result() == 0
    with pytest.raises(ConnectionRefusedError):
        connect(service)


def test_no_connection_is_accepted_and_reset_when_the_service_stops(service):
    assert service.get("/health").status_code == 200
    ends = Counter()

    def call():
        while not ends["refused"]:
            try:
                ends[raw(service, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0]] += 1
            except ConnectionRefusedError:
                ends["refused"] += 1
            except OSError as error:
                ends[repr(error)] += 1

    with ThreadPoolExecutor(21) as pool:
        for _ in range(20):
            pool.submit(call)
        until(lambda: ends[200] > 100)
        assert service.stop() == 0
    assert set(ends) == {200, "refused"}


@pytest.mark.parametrize("line", ["Listening at", "Booting worker", "Ready on"])
def test_a_service_that_is_stopped_while_it_starts_ends_soon(remote, line):
    service = Service(OPENAI_BASE_URL=f"{remote.url}/v1", SHUTDOWN_GRACE="60s")
    service.wait_for_line(line)
    assert service.stop() == 0  # in less than the grace


def test_after_the_grace_open_requests_are_503_and_logged(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SHUTDOWN_GRACE="1s")
    remote.respond = lambda handler: handler.connection.recv(1)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(service.post, "/v1/text/generate", prompt="x")
        assert remote.arrived.acquire(timeout=20)
        assert service.stop() == 0
        assert (ended.result().status_code, ended.result().json()["type"]) == (503, "draining")
        assert "Retry-After" in ended.result().headers
    service.wait_for_line("SHUTDOWN_GRACE is over; 1 connections are closed")
