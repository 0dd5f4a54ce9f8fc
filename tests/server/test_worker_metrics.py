"""Metrics of the server: sums over all workers, memory, and requests that never reached the app."""

import signal
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from support.calls import generate, raw
from support.metrics import total
from support.servers import until


@pytest.fixture
def pair(start, remote):
    """A service of two workers."""
    return start(OPENAI_BASE_URL=f"{remote.url}/v1", OPENAI_DEFAULT_MODEL="org/small", WEB_CONCURRENCY="2")


def test_requests_that_the_server_rejects_are_counted(service):
    assert raw(service.port, "GET / HTTP/9.9\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert total(service, "http_rejected_total", status="400") == 1
    assert total(service, "http_refused_total", status="400") == 1
    assert total(service, "http_requests_total", status="400") is None


def test_memory_is_that_of_all_processes_of_the_server(pair):
    reported = total(pair, "resident_memory_bytes")
    arbiter = psutil.Process(pair.process.pid)
    measured = sum(process.memory_full_info().pss for process in (arbiter, *arbiter.children()))
    assert reported == pytest.approx(measured, rel=0.1)


def test_operations_of_all_workers_are_counted(pair):
    with ThreadPoolExecutor(8) as pool:
        assert {response.status_code for response in pool.map(lambda _: generate(pair), range(60))} == {200}
    assert total(pair, "ai_requests_total", operation="generate", outcome="ok") == 60
    assert total(pair, "ai_upstream_attempts_total", outcome="ok") == 60
    assert total(pair, "ai_overhead_seconds_count") == 60
    assert total(pair, "ai_bulkhead_in_use", backend="openai") == 0
    assert total(pair, "build_info") == 1
    assert total(pair, "http_requests_in_flight") == total(pair, "active_connections") == 1


def test_a_second_worker_is_refused_if_the_first_counts_in_its_memory(service):
    service.process.send_signal(signal.SIGTTIN)
    service.wait_for_line("SIGTTIN is refused")
    generate(service)
    assert len(psutil.Process(service.process.pid).children()) == 1
    assert {total(service, "ai_requests_total") for _ in range(5)} == {1}


def test_a_third_worker_counts_with_the_others(pair):
    pair.process.send_signal(signal.SIGTTIN)
    until(lambda: total(pair, "ai_bulkhead_limit") == 3 * 256 if [generate(pair) for _ in range(10)] else False)


def test_a_dead_worker_loses_its_gauges_and_keeps_its_counts(pair):
    until(lambda: [generate(pair) for _ in range(10)] and total(pair, "ai_bulkhead_limit") == 512)
    before = total(pair, "ai_requests_total")
    victim = psutil.Process(pair.process.pid).children()[0]
    victim.send_signal(signal.SIGKILL)
    until(lambda: total(pair, "ai_bulkhead_limit") == 256)
    assert total(pair, "ai_requests_total") == before
