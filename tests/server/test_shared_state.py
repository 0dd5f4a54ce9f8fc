"""Many callers at once and several processes: what they share, and what they do not take from each other."""

import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from support.calls import FAILS, answer_of, generate, rate
from support.chaos import answer, says
from support.redis import FixedReplyServer
from support.servers import chat_answer, reply, until

# the question itself is one of them
ACTIVE = 'active_connections{{service="ai-huggingface"}} {}.0'


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
        for stop, go_on in ((redis.pause, redis.resume), (redis.stop, redis.start)) * 2:
            until(lambda: redis.cached_keys())
            stop()
            wait_for("redis fails")
            go_on()
            wait_for("redis answers again")
            redis.flush()
        over.set()
    assert set(found) == {200}


def test_a_redis_that_is_paused_costs_a_request_at_most_its_allowance(start_with, chaos, redis):
    service = start_with(REDIS_URL=redis.url)
    assert generate(service).status_code == 200
    redis.pause()
    try:
        total = [generate(service).headers["Server-Timing"] for _ in range(10)]
    finally:
        redis.resume()
    own = [_milliseconds(timing, "total") - _milliseconds(timing, "upstream") for timing in total]
    assert max(own) < 150  # 50 of them are Redis'
    assert sorted(own)[5] < 50  # once it is left alone it costs nothing


def _milliseconds(timing, name):
    return float(timing.split(f"{name};dur=")[1].split(",")[0])


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


@pytest.mark.parametrize(
    "rubbish", [b"+OK\r\n", b"$3\r\nabc\r\n", b"*0\r\n", b":5\r\n", b"-LOADING\r\n", b"HTTP/1.1 400 x\r\n"]
)
def test_a_redis_that_answers_rubbish_changes_nothing(start_with, chaos, rubbish):
    with closing(FixedReplyServer(rubbish)) as peer:
        service = start_with(REDIS_URL=peer.url, BREAKER_FAILURES="2")
        chaos.play([says(answer_of("positive"))] * 8)
        found = [rate(service, text, **{"Idempotency-Key": text}) for text in "abcdefgh"]
    assert {one.status_code for one in found} == {200}
    assert {one.headers["X-AI-Cache"] for one in found} == {"miss"}
