"""Callers who send half of what they say they send, or do not take what they asked for."""

import resource
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from support.attacks import HEAD, HEALTH
from support.servers import until
from support.slow import KINDS, SlowCallers, answer, held
from support.wire import answer_on, connect

CONNECTIONS = 300


def test_slow_callers_on_every_place_neither_keep_others_out_nor_stay(start, remote):
    times = {"SERVER_READ_TIMEOUT": "2s", "SERVER_WRITE_TIMEOUT": "2s"}
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS=str(CONNECTIONS), **times)
    remote.answer = answer
    with closing(SlowCallers(service.port, CONNECTIONS * 3 // 2, rate=150)) as slow:
        for number in range(50):
            started = time.monotonic()
            assert service.post("/v1/text/generate", prompt=f"{number}").status_code == 200
            assert service.get("/health").status_code == 200
            assert time.monotonic() - started < 1.5  # generous, for a busy machine; `make slow-clients` measures
        assert set(held(service, slow.kinds)) == set(KINDS)  # who may stay, stays
        service.wait_for_line("places ran short")
        until(lambda: not held(service, slow.kinds))
    assert service.post("/v1/text/generate", prompt="after").status_code == 200


def test_connections_that_say_nothing_make_way(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="20")
    silent = [connect(service) for _ in range(40)]
    assert service.post("/v1/text/generate", prompt="x").status_code == 200
    for connection in silent:
        connection.close()


def test_callers_who_wait_for_their_answer_are_not_cut_for_others(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="40")
    go_on = threading.Event()
    remote.answer = lambda handler: (go_on.wait(20), answer(handler))
    with ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit(service.post, "/v1/text/generate", prompt="x") for _ in range(30)]
        for _ in waiting:
            assert remote.arrived.acquire(timeout=20)
        with closing(SlowCallers(service.port, 30, rate=200)):
            service.wait_for_line("places ran short")
            assert service.get("/health").status_code == 200
            go_on.set()
            assert [call.result().status_code for call in waiting] == [200] * 30


@pytest.mark.parametrize(
    "begun",
    [
        HEAD.replace(b"application/json", b"text/plain") + b"Content-Length: 900000\r\n\r\n",
        HEAD.replace(b"application/json", b"text/plain") + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["a length", "chunks"],
)
def test_a_body_that_drips_in_after_its_answer_is_cut_in_time(start, remote, begun):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_READ_TIMEOUT="500ms")
    with connect(service) as connection:
        connection.sendall(begun)
        assert answer_on(connection)[0] == 415
        for _ in range(50):
            connection.sendall(b"1\r\nx\r\n")
            if select.select([connection], [], [], 0.1)[0]:
                break
        else:
            pytest.fail("it was not cut while it dripped")
        assert connection.recv(1) == b""


def test_a_head_that_drips_in_is_cut_in_time(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_READ_TIMEOUT="500ms")
    with connect(service) as connection:
        connection.sendall(HEALTH)
        for _ in range(50):
            connection.sendall(b"X: y\r\n")
            if select.select([connection], [], [], 0.1)[0]:
                break
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_the_service_asks_for_the_open_files_that_its_connections_need(start, remote):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))  # which the service inherits
    try:
        service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="300")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert service.get("/health").status_code == 200
    assert resource.prlimit(service.processes()[1].pid, resource.RLIMIT_NOFILE)[0] > 2 * 300
