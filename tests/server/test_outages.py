"""Upstreams that fail, hang or flood, with the service's answer to each, over real sockets."""

import threading
from concurrent.futures import ThreadPoolExecutor

from support.calls import FAILS, answer_of, generate, rate
from support.chaos import Exchange, answer, good, says
from support.servers import until


def test_the_fallback_answers_before_and_after_the_breaker_opens(start_with, chaos):
    service = start_with(FALLBACK_MODELS="embedded", BREAKER_FAILURES="1")
    until(lambda: service.get("/health/deep").json()["checks"]["embedded"]["status"] == "healthy")
    chaos.play([FAILS])
    for attempts in ("2", "1"):  # the second time the breaker is open
        found = generate(service)
        assert (found.status_code, found.headers["X-AI-Backend"]) == (200, "embedded")
        assert (found.headers["X-AI-Fallback"], found.headers["X-AI-Attempts"]) == ("true", attempts)


def test_a_slow_deterministic_call_is_hedged_and_the_other_one_closed(start_with, chaos):
    service = start_with(HEDGE_AFTER="100ms", CACHE_TTL="0s")
    hung_up = threading.Event()

    def hang(exchange):
        exchange.hang()
        hung_up.set()

    positive = says(answer_of("positive"))
    chaos.play([positive] * 20 + [hang, positive])
    for _ in range(20):
        assert rate(service).headers["X-AI-Attempts"] == "1"
    hedged = rate(service, **{"X-AI-Debug": "1"})
    assert (hedged.status_code, hedged.headers["X-AI-Attempts"]) == (200, "2")
    assert [one["outcome"] for one in hedged.json()["debug"]["attempts"]] == ["cancelled", "ok"]
    assert hung_up.wait(20)
    until(lambda: len(chaos.open) <= 1)


def test_an_upstream_that_is_slow_after_an_outage_is_let_recover(start_with, chaos):
    service = start_with(BREAKER_FAILURES="2", BREAKER_RECOVERY="500ms")
    slow = threading.Event()

    def slowly(exchange):
        slow.wait(20)
        good(exchange)

    chaos.play([FAILS, FAILS, slowly])
    assert [generate(service).status_code for _ in range(3)] == [502, 502, 503]
    with ThreadPoolExecutor(1) as pool:
        until(lambda: probed(service, chaos, pool, 3))
        assert generate(service).json()["type"] == "circuit_open"  # one probe at a time
        slow.set()
        until(lambda: generate(service).status_code == 200)
    assert [generate(service).status_code for _ in range(5)] == [200] * 5


def probed(service, chaos, pool, calls):
    """Send a request in the background; tell whether it became the probe, the upstream call of that number."""
    sent = pool.submit(generate, service)
    until(lambda: sent.done() or chaos.calls == calls)
    return chaos.calls == calls


def test_callers_of_an_impatient_kind_do_not_open_the_breaker_for_others(start_with, chaos):
    service = start_with(BREAKER_FAILURES="1")
    chaos.play([Exchange.hang] * 3)
    impatient = [generate(service, **{"X-Request-Timeout": "100ms"}) for _ in range(3)]
    assert {found.json()["type"] for found in impatient} == {"upstream_timeout"}
    assert generate(service).status_code == 200


def test_an_open_breaker_refuses_without_a_wait_for_a_place(start_with, chaos):
    """Two hanging probes take all places there are; who comes then is told of the breaker, not of the places."""
    service = start_with(BREAKER_FAILURES="1", UPSTREAM_MAX_CONCURRENCY="2", BREAKER_RECOVERY="1s")
    released = threading.Event()
    chaos.play([FAILS, *[lambda exchange: released.wait(20) and good(exchange)] * 2])
    assert generate(service).status_code == 502
    with ThreadPoolExecutor(2) as pool:
        for calls in (2, 3):
            until(lambda calls=calls: probed(service, chaos, pool, calls))
        refused = generate(service)
        assert (refused.status_code, refused.json()["type"]) == (503, "circuit_open")
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["Server-Timing"].startswith("queue;dur=0.0")
        released.set()


def test_an_upstream_that_floods_leaves_others_their_turn(start_with, chaos):
    service = start_with()
    flooding = threading.Event()

    def flood(exchange):
        flooding.set()
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            exchange.send(b"1\r\n \r\n" * 1000)

    chaos.play([flood])
    with ThreadPoolExecutor(1) as pool:
        flooded = pool.submit(generate, service, **{"X-Request-Timeout": "2s"})
        assert flooding.wait(20)
        for _ in range(5):
            assert service.get("/health").status_code == 200
            assert not flooded.done()
        assert flooded.result().json()["type"] == "upstream_timeout"


def test_a_hedged_call_that_hangs_is_an_outage_like_any_other(start_with, chaos):
    service = start_with(HEDGE_AFTER="50ms", HUGGINGFACE_TIMEOUT="300ms", BREAKER_FAILURES="2", BREAKER_RECOVERY="1m")
    chaos.play([Exchange.hang] * 4)
    first, second, third = (rate(service, text, **{"X-AI-Debug": "1"}).json() for text in "abc")
    assert [first["type"], second["type"], third["type"]] == ["upstream_timeout"] * 2 + ["circuit_open"]
    [attempt] = first["details"]["debug"]["attempts"]
    assert (attempt["outcome"], attempt["duration_ms"] > 100) == ("upstream_timeout", True)
    until(lambda: not chaos.open)


def test_what_is_not_deterministic_is_never_hedged(start_with, chaos):
    service = start_with(HEDGE_AFTER="10ms")
    late = threading.Event()
    chaos.play([lambda exchange: late.wait(0.2) or good(exchange)] * 25)
    assert {generate(service).headers["X-AI-Attempts"] for _ in range(25)} == {"1"}


def test_a_retry_counts_what_hedging_has_sent_already(start_with, chaos):
    service = start_with(HEDGE_AFTER="100ms", CACHE_TTL="0s", HUGGINGFACE_RETRY_ATTEMPTS="1")
    failed = threading.Event()
    positive = says(answer_of("positive"))

    def fail_late(exchange):
        failed.wait(20)
        FAILS(exchange)

    def fail_too(exchange):
        failed.set()
        FAILS(exchange)

    chaos.play([positive] * 20 + [fail_late, fail_too, positive])
    for _ in range(20):
        rate(service)
    found = rate(service)
    assert (found.status_code, found.headers["X-AI-Attempts"]) == (502, "2")


def test_interim_answers_leave_the_connection_in_order(start_with, chaos):
    service = start_with()
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    chaos.play([lambda exchange, n=n: exchange.send(early, answer(answer_of(f"Answer {n}"))) for n in range(5)])
    texts = [generate(service).json()["choices"][0]["text"] for _ in range(5)]
    assert texts == [f"Answer {n}" for n in range(5)]
