"""Many callers at once, shared state, and what is left when parts of it go away, over real sockets."""

import json
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from support.chaos import ChaosUpstream, Exchange, answer, good, says
from support.redis import Babbler
from support.servers import chat_answer, reply, until

# the question itself is one of them
ACTIVE = 'active_connections{{service="ai-huggingface"}} {}.0'
FAILS = says(b"{}", "500 Oops")


@pytest.fixture
def chaos():
    with closing(ChaosUpstream()) as upstream:
        yield upstream


@pytest.fixture
def start_with(start, chaos):
    """Start a service in front of the chaos upstream, without retries unless the test wants some."""
    return lambda **variables: start(
        **{"OPENAI_BASE_URL": f"{chaos.url}/v1", "HUGGINGFACE_RETRY_ATTEMPTS": "0", **variables}
    )


def rate(service, text="fine", **headers):
    return requests.post(f"{service.url}/v1/text/sentiment", json={"text": text}, headers=headers, timeout=30)


def generate(service, **headers):
    return requests.post(f"{service.url}/v1/text/generate", json={"prompt": "x"}, headers=headers, timeout=30)


def test_a_hundred_equal_requests_at_once_make_one_upstream_call(service, remote):
    release = threading.Event()
    remote.answer = lambda handler: (release.wait(20), reply(handler, chat_answer("positive")))
    with ThreadPoolExecutor(100) as pool:
        calls = [pool.submit(rate, service) for _ in range(100)]
        until(lambda: ACTIVE.format(101) in service.get("/metrics").text)
        release.set()
        answers = [call.result() for call in calls]
    assert {found.json()["sentiment"] for found in answers} == {"positive"}
    assert Counter(found.headers["X-AI-Cache"] for found in answers) == {"miss": 1, "coalesced": 99}
    assert len(remote.requests) == 1


def test_the_one_whose_call_all_wait_for_may_leave(service, remote):
    release = threading.Event()
    remote.answer = lambda handler: (release.wait(20), reply(handler, chat_answer("positive")))
    head = b"POST /v1/text/sentiment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with ThreadPoolExecutor(3) as pool:
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as first:
            first.sendall(head + b'Content-Length: 16\r\n\r\n{"text": "fine"}')
            assert remote.arrived.acquire(timeout=20)
            calls = [pool.submit(rate, service) for _ in range(3)]
            until(lambda: ACTIVE.format(5) in service.get("/metrics").text)
        assert remote.arrived.acquire(timeout=20)
        release.set()
        assert Counter(call.result().headers["X-AI-Cache"] for call in calls) == {"miss": 1, "coalesced": 2}
    assert len(remote.requests) == 2


def test_a_repeated_idempotency_key_waits_for_the_first_request(service, remote):
    release = threading.Event()
    remote.answer = lambda handler: (release.wait(20), reply(handler, chat_answer("Hi.")))
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(generate, service, **{"Idempotency-Key": "k"}) for _ in range(3)]
        assert remote.arrived.acquire(timeout=20)
        other = requests.post(
            f"{service.url}/v1/text/generate", json={"prompt": "y"}, headers={"Idempotency-Key": "k"}, timeout=5
        )  # at once, not when the first is done
        assert other.json()["type"] == "idempotency_key_reused"
        release.set()
        ids = {call.result().json()["id"] for call in calls}
    assert len(ids) == len(remote.requests) == 1


def test_the_fallback_answers_before_and_after_the_breaker_opens(start_with, chaos):
    service = start_with(FALLBACK_MODELS="embedded", BREAKER_FAILURES="1")
    until(lambda: service.get("/health/deep").json()["checks"]["embedded"]["status"] == "healthy")
    chaos.play([FAILS])
    for attempts in ("2", "1"):  # the second time the breaker is open
        found = generate(service)
        assert (found.status_code, found.headers["X-AI-Backend"]) == (200, "embedded")
        assert (found.headers["X-AI-Fallback"], found.headers["X-AI-Attempts"]) == ("true", attempts)


def test_instances_share_answers_and_breakers_through_redis(start_with, chaos, redis):
    here, there = (start_with(REDIS_URL=redis.url, BREAKER_RECOVERY="1s") for _ in range(2))
    chaos.play([says(answer_of("positive"))])
    assert rate(here).headers["X-AI-Cache"] == "miss"
    assert rate(there).headers["X-AI-Cache"] == "hit"
    chaos.play([FAILS] * 6)
    assert [generate(here).status_code for _ in range(5)] == [502] * 5
    refused = generate(there)
    assert (refused.json()["type"], refused.headers["Retry-After"]) == ("circuit_open", "1")
    assert chaos.calls == 5
    until(lambda: generate(there).json().get("type") == "upstream_unavailable")  # the probe
    assert generate(here).json()["type"] == "circuit_open"
    until(lambda: generate(here).status_code == 200)
    until(lambda: generate(there).status_code == 200)


def answer_of(text):
    return json.dumps(chat_answer(text)).encode()


def test_redis_may_be_paused_stopped_and_started_again_and_no_caller_sees_an_error(start_with, chaos, redis):
    service = start_with(REDIS_URL=redis.url)
    over = threading.Event()
    found = Counter()

    def call(number):
        texts = 0
        while not over.is_set():
            texts += 1
            found[generate(service, **{"Idempotency-Key": f"{number}-{texts}"}).status_code] += 1

    def wait_for(message):
        service.wait_for_line(message)
        service.lines.clear()

    with ThreadPoolExecutor(10) as pool:
        for number in range(10):
            pool.submit(call, number)
        for stop, go_on in ((redis.pause, redis.go_on), (redis.stop, redis.start)) * 2:
            until(lambda: redis.kept())
            stop()
            wait_for("redis fails")
            go_on()
            wait_for("redis answers again")
            redis.empty()
        over.set()
    assert set(found) == {200}


def test_a_redis_that_is_paused_costs_a_request_at_most_its_allowance(start_with, chaos, redis):
    service = start_with(REDIS_URL=redis.url)
    assert generate(service).status_code == 200
    redis.pause()
    try:
        total = [generate(service).headers["Server-Timing"] for _ in range(10)]
    finally:
        redis.go_on()
    own = [_milliseconds(timing, "total") - _milliseconds(timing, "upstream") for timing in total]
    assert max(own) < 150  # 50 of them are Redis'
    assert sorted(own)[5] < 50  # once it is left alone it costs nothing


def _milliseconds(timing, name):
    return float(timing.split(f"{name};dur=")[1].split(",")[0])


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
    chaos.play([FAILS, Exchange.hang, Exchange.hang])
    assert generate(service).status_code == 502
    with ThreadPoolExecutor(2) as pool:
        for calls in (2, 3):
            until(lambda calls=calls: probed(service, chaos, pool, calls))
        refused = generate(service)
        assert (refused.status_code, refused.json()["type"]) == (503, "circuit_open")
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["Server-Timing"].startswith("queue;dur=0.0")
        chaos.close()  # ends the hanging probes


def test_validations_of_different_models_at_once_share_the_list_and_not_the_verdict(start_with, chaos):
    service = start_with()
    listed = threading.Event()

    def list_models(exchange):
        listed.wait(20)
        exchange.send(answer(b'{"data": [{"id": "org/a"}]}'))

    chaos.play([list_models])
    with ThreadPoolExecutor(2) as pool:
        verdicts = pool.map(lambda model: validated(service, model), ("org/nope", "org/a"))
        until(lambda: ACTIVE.format(3) in service.get("/metrics").text)
        listed.set()
        assert list(verdicts) == [False, True]
    assert chaos.calls == 1


def validated(service, model):
    return service.get(f"/v1/models/validate?model={model}").json()["valid"]


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


@pytest.mark.parametrize(
    "rubbish", [b"+OK\r\n", b"$3\r\nabc\r\n", b"*0\r\n", b":5\r\n", b"-LOADING\r\n", b"HTTP/1.1 400 x\r\n"]
)
def test_a_redis_that_answers_rubbish_changes_nothing(start_with, chaos, rubbish):
    with closing(Babbler(rubbish)) as peer:
        service = start_with(REDIS_URL=peer.url, BREAKER_FAILURES="2")
        chaos.play([says(answer_of("positive"))] * 8)
        found = [rate(service, text, **{"Idempotency-Key": text}) for text in "abcdefgh"]
    assert {one.status_code for one in found} == {200}
    assert {one.headers["X-AI-Cache"] for one in found} == {"miss"}


def test_interim_answers_leave_the_connection_in_order(start_with, chaos):
    service = start_with()
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    chaos.play([lambda exchange, n=n: exchange.send(early, answer(answer_of(f"Answer {n}"))) for n in range(5)])
    texts = [generate(service).json()["choices"][0]["text"] for _ in range(5)]
    assert texts == [f"Answer {n}" for n in range(5)]
