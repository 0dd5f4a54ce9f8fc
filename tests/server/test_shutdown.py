"""How the service ends: what is in flight is answered, and nothing is left."""

import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.servers import chat_answer, connects, reply, until
from support.wire import answer_on, connect, raw, until_closed


def test_a_request_that_is_under_way_when_sigterm_comes_is_answered(service):
    with connect(service) as late, connect(service) as half:
        half.sendall(b"GET /health HTTP/1.1\r\n")
        answer = service.get("/health")  # by now both connections are accepted
        assert answer.status_code == 200
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(service.stop)
            until(lambda: any("Handling signal: term" in line for line in service.lines))
            late.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            half.sendall(b"Host: x\r\n\r\n")
            assert (answer_on(late)[0], answer_on(half)[0]) == (200, 200)
            assert stopped.result() == 0


def test_on_sigterm_requests_in_flight_finish_idle_connections_close_and_nothing_is_left(service, remote):
    release = threading.Event()

    def answer(handler):
        release.wait(20)
        reply(handler, chat_answer("Hi."))

    remote.answer = answer
    idle = connect(service)
    idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer_on(idle)[0] == 200
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


def test_a_connection_that_an_answer_promised_to_keep_is_kept_for_one_more_request_of_a_drain(service, remote):
    release = threading.Event()
    remote.answer = lambda handler: (release.wait(20), reply(handler, chat_answer("Hi.")))
    head = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    ready = b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(service) as kept, ThreadPoolExecutor(1) as pool:
        kept.sendall(head + b'{"prompt": "x"}')
        assert remote.arrived.acquire(timeout=20)
        stopped = pool.submit(service.stop)
        until(lambda: not connects(service.port))
        release.set()
        status, headers, _ = answer_on(kept)
        assert (status, headers["Connection"]) == (200, "keep-alive")
        kept.sendall(ready)
        status, headers, body = answer_on(kept)
        assert (status, headers["Connection"], body["status"]) == (503, "close", "draining")
        assert until_closed(kept) == b""
        assert stopped.result() == 0


def test_an_idle_connection_is_closed_without_a_word_when_the_grace_is_over(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SHUTDOWN_GRACE="100ms")
    with connect(service) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer_on(idle)[0] == 200
        assert service.stop() == 0
        assert idle.recv(1) == b""


def test_ctrl_c_leaves_no_process(start, remote):
    service = start(AI_BACKEND="embedded")
    until(lambda: service.get("/health/ready").status_code == 200)
    assert len(service.processes()) == 4  # arbiter, worker, supervisor, engine
    assert service.stop(signal.SIGINT) == 0


def test_a_drain_goes_on_serving_while_readiness_says_no_then_refuses_connections(start, remote):
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

    def knock():
        while not ends["refused"]:
            try:
                ends[raw(service, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0]] += 1
            except ConnectionRefusedError:
                ends["refused"] += 1
            except OSError as error:
                ends[repr(error)] += 1

    with ThreadPoolExecutor(21) as pool:
        for _ in range(20):
            pool.submit(knock)
        until(lambda: ends[200] > 100)
        assert service.stop() == 0
    assert set(ends) == {200, "refused"}


def test_a_service_that_is_stopped_in_its_first_moments_ends_soon(start, remote):
    for _ in range(3):
        service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SHUTDOWN_GRACE="60s")
        assert service.stop() == 0  # within half of that


def test_when_the_grace_is_over_what_is_left_is_cut_and_said(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SHUTDOWN_GRACE="1s")
    remote.answer = lambda handler: handler.connection.recv(1)
    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(service.post, "/v1/text/generate", prompt="x")
        assert remote.arrived.acquire(timeout=20)
        assert service.stop() == 0
        assert (cut.result().status_code, cut.result().json()["type"]) == (503, "draining")
        assert "Retry-After" in cut.result().headers
    service.wait_for_line("SHUTDOWN_GRACE is over; 1 connections are cut")
