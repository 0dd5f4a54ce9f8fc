"""Clients that send half of a request, or do not read their response."""

import resource
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from support.attacks import HEAD, HEALTH
from support.servers import until
from support.slow import KINDS, SlowClients, held, respond
from support.wire import connect, read_response

CONNECTIONS = 300


def test_slow_clients_on_all_slots_do_not_keep_others_out(start, remote):
    times = {"SERVER_READ_TIMEOUT": "2s", "SERVER_WRITE_TIMEOUT": "2s"}
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS=str(CONNECTIONS), **times)
    remote.respond = respond
    with closing(SlowClients(service.port, CONNECTIONS * 3 // 2, rate=150)) as slow:
        for number in range(50):
            started = time.monotonic()
            assert service.post("/v1/text/generate", prompt=f"{number}").status_code == 200
            assert service.get("/health").status_code == 200
            assert time.monotonic() - started < 1.5  # generous, for a busy machine; `make slow-clients` measures
        assert set(held(service, slow.kinds)) == set(KINDS)  # slow clients below the watermark keep their slots
        service.wait_for_line("connection slots ran short")
        until(lambda: not held(service, slow.kinds))
    assert service.post("/v1/text/generate", prompt="after").status_code == 200


def test_silent_connections_are_closed_for_new_ones(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="20")
    silent = [connect(service) for _ in range(40)]
    assert service.post("/v1/text/generate", prompt="x").status_code == 200
    for connection in silent:
        connection.close()


def test_clients_that_wait_for_a_response_are_not_evicted(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="40")
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(20), respond(handler))
    with ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit(service.post, "/v1/text/generate", prompt="x") for _ in range(30)]
        for _ in waiting:
            assert remote.arrived.acquire(timeout=20)
        with closing(SlowClients(service.port, 30, rate=200)):
            service.wait_for_line("connection slots ran short")
            assert service.get("/health").status_code == 200
            release.set()
            assert [call.result().status_code for call in waiting] == [200] * 30


@pytest.mark.parametrize(
    "start_of_request",
    [
        HEAD.replace(b"application/json", b"text/plain") + b"Content-Length: 900000\r\n\r\n",
        HEAD.replace(b"application/json", b"text/plain") + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["a length", "chunks"],
)
def test_a_body_that_trickles_in_after_its_response_is_cut_in_time(start, remote, start_of_request):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_READ_TIMEOUT="500ms")
    with connect(service) as connection:
        connection.sendall(start_of_request)
        assert read_response(connection)[0] == 415
        for _ in range(50):
            connection.sendall(b"1\r\nx\r\n")
            if select.select([connection], [], [], 0.1)[0]:
                break
        else:
            pytest.fail("it was not cut")
        assert connection.recv(1) == b""


def test_a_head_that_trickles_in_is_cut_in_time(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_READ_TIMEOUT="500ms")
    with connect(service) as connection:
        connection.sendall(HEALTH)
        for _ in range(50):
            connection.sendall(b"X: y\r\n")
            if select.select([connection], [], [], 0.1)[0]:
                break
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_the_service_raises_its_limit_of_open_files(start, remote):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))  # which the service inherits
    try:
        service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="300")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert service.get("/health").status_code == 200
    assert resource.prlimit(service.processes()[1].pid, resource.RLIMIT_NOFILE)[0] > 2 * 300
