"""Upstreams that fail, hang or flood, over real sockets: fallbacks, hedges, breakers and bulkheads."""

import threading
from concurrent.futures import ThreadPoolExecutor

from support.calls import FAILS, chat_response_body, generate, rate
from support.chaos import Exchange, good, http_response, says
from support.servers import until


def test_the_fallback_answers_before_and_after_the_breaker_opens(start_with, chaos):
    service = start_with(FALLBACK_MODELS="embedded", BREAKER_FAILURES="1")
    until(lambda: service.get("/health/deep").json()["checks"]["embedded"]["status"] == "healthy")
    chaos.play([FAILS])
    for attempts in ("2", "1"):  # the second time the breaker is open
        found = generate(service)
        assert (found.status_code, found.headers["X-AI-Backend"]) == (200, "embedded")
        assert (found.headers["X-AI-Fallback"], found.headers["X-AI-Attempts"]) == ("true", attempts)


def test_a_slow_deterministic_call_is_hedged_and_its_connection_closed(start_with, chaos):
    service = start_with(HEDGE_AFTER="100ms", CACHE_TTL="0s")
    closed = threading.Event()

    def hang(exchange):
        exchange.hang()
        closed.set()

    positive = says(chat_response_body("positive"))
    chaos.play([positive] * 20 + [hang, positive])
    for _ in range(20):
        assert rate(service).headers["X-AI-Attempts"] == "1"
    hedged = rate(service, headers={"X-AI-Debug": "1"})
    assert (hedged.status_code, hedged.headers["X-AI-Attempts"]) == (200, "2")
    assert [attempt["outcome"] for attempt in hedged.json()["debug"]["attempts"]] == ["cancelled", "ok"]
    assert closed.wait(20)
    until(lambda: len(chaos.open) <= 1)


def test_a_slow_probe_closes_the_breaker_and_is_the_only_one(start_with, chaos):
    service = start_with(BREAKER_FAILURES="2", BREAKER_RECOVERY="500ms")
    may_answer = threading.Event()

    def answer_later(exchange):
        may_answer.wait(20)
        good(exchange)

    chaos.play([FAILS, FAILS, answer_later])
    assert [generate(service).status_code for _ in range(3)] == [502, 502, 503]
    with ThreadPoolExecutor(1) as pool:
        until(lambda: becomes_probe(service, chaos, pool, 3))
        assert generate(service).json()["type"] == "circuit_open"  # one probe at a time
        may_answer.set()
        until(lambda: generate(service).status_code == 200)
    assert [generate(service).status_code for _ in range(5)] == [200] * 5


def becomes_probe(service, chaos, pool, calls):
    """Send a request in the background; return whether it became the probe, which is the upstream call `calls`."""
    sent = pool.submit(generate, service)
    until(lambda: sent.done() or chaos.calls == calls)
    return chaos.calls == calls


def test_timeouts_of_short_deadlines_do_not_open_the_breaker(start_with, chaos):
    service = start_with(BREAKER_FAILURES="1")
    chaos.play([Exchange.hang] * 3)
    found = [generate(service, headers={"X-Request-Timeout": "300ms"}) for _ in range(3)]
    assert {response.json()["type"] for response in found} == {"upstream_timeout"}
    assert chaos.calls > 0
    chaos.play(())  # on a busy machine a short deadline may pass before the call
    assert generate(service).status_code == 200


def test_an_open_breaker_rejects_without_waiting_for_a_permit(start_with, chaos):
    """Two hanging probes hold all permits, and the next request gets the error of the breaker."""
    service = start_with(BREAKER_FAILURES="1", UPSTREAM_MAX_CONCURRENCY="2", BREAKER_RECOVERY="1s")
    may_answer = threading.Event()
    chaos.play([FAILS, *[lambda exchange: may_answer.wait(20) and good(exchange)] * 2])
    assert generate(service).status_code == 502
    with ThreadPoolExecutor(2) as pool:
        for calls in (2, 3):
            until(lambda calls=calls: becomes_probe(service, chaos, pool, calls))
        rejected = generate(service)
        assert (rejected.status_code, rejected.json()["type"]) == (503, "circuit_open")
        assert rejected.headers["Retry-After"] == "1"
        assert rejected.headers["Server-Timing"].startswith("queue;dur=0.0")
        may_answer.set()


def test_an_upstream_that_floods_does_not_block_other_requests(start_with, chaos):
    service = start_with()
    flooding = threading.Event()

    def flood(exchange):
        flooding.set()
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            exchange.send(b"1\r\n \r\n" * 1000)

    chaos.play([flood])
    with ThreadPoolExecutor(1) as pool:
        flooded = pool.submit(generate, service, headers={"X-Request-Timeout": "2s"})
        assert flooding.wait(20)
        for _ in range(5):
            assert service.get("/health").status_code == 200
            assert not flooded.done()
        assert flooded.result().json()["type"] == "upstream_timeout"


def test_a_hedged_call_that_hangs_counts_as_a_failure(start_with, chaos):
    service = start_with(HEDGE_AFTER="50ms", HUGGINGFACE_TIMEOUT="300ms", BREAKER_FAILURES="2", BREAKER_RECOVERY="1m")
    chaos.play([Exchange.hang] * 4)
    first, second, third = (rate(service, text, headers={"X-AI-Debug": "1"}).json() for text in "abc")
    assert [first["type"], second["type"], third["type"]] == ["upstream_timeout"] * 2 + ["circuit_open"]
    [attempt] = first["details"]["debug"]["attempts"]
    assert (attempt["outcome"], attempt["duration_ms"] > 100) == ("upstream_timeout", True)
    until(lambda: not chaos.open)


def test_a_call_that_is_not_deterministic_is_never_hedged(start_with, chaos):
    service = start_with(HEDGE_AFTER="10ms")
    never = threading.Event()
    chaos.play([lambda exchange: never.wait(0.2) or good(exchange)] * 25)
    assert {generate(service).headers["X-AI-Attempts"] for _ in range(25)} == {"1"}


def test_hedges_count_as_attempts_of_the_retry_policy(start_with, chaos):
    service = start_with(HEDGE_AFTER="100ms", CACHE_TTL="0s", HUGGINGFACE_RETRY_ATTEMPTS="1")
    hedge_failed = threading.Event()
    positive = says(chat_response_body("positive"))

    def fail_late(exchange):
        hedge_failed.wait(20)
        FAILS(exchange)

    def fail_hedge(exchange):
        hedge_failed.set()
        FAILS(exchange)

    chaos.play([positive] * 20 + [fail_late, fail_hedge, positive])
    for _ in range(20):
        rate(service)
    found = rate(service)
    assert (found.status_code, found.headers["X-AI-Attempts"]) == (502, "2")


def test_interim_responses_leave_the_connection_usable(start_with, chaos):
    service = start_with()
    interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    chaos.play(
        [
            lambda exchange, n=n: exchange.send(interim, http_response(chat_response_body(f"Answer {n}")))
            for n in range(5)
        ]
    )
    texts = [generate(service).json()["choices"][0]["text"] for _ in range(5)]
    assert texts == [f"Answer {n}" for n in range(5)]
