"""Concurrent requests and several instances: shared responses, breakers and idempotency keys."""

import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from support.calls import FAILS, chat_response_body, generate, rate
from support.chaos import http_response, says
from support.redis import FixedReplyServer
from support.servers import chat_response, reply, until

# the request for the metrics is one of them
ACTIVE = 'active_connections{{service="ai-huggingface"}} {}.0'


def test_concurrent_identical_requests_make_one_upstream_call(service, remote):
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(20), reply(handler, chat_response("positive")))
    with ThreadPoolExecutor(100) as pool:
        calls = [pool.submit(rate, service) for _ in range(100)]
        until(lambda: ACTIVE.format(101) in service.get("/metrics").text)
        release.set()
        found = [call.result() for call in calls]
    assert {response.json()["sentiment"] for response in found} == {"positive"}
    assert Counter(response.headers["X-AI-Cache"] for response in found) == {"miss": 1, "coalesced": 99}
    assert len(remote.requests) == 1


def test_a_disconnect_of_the_request_that_others_wait_for_does_not_end_them(service, remote):
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(20), reply(handler, chat_response("positive")))
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
    remote.respond = lambda handler: (release.wait(20), reply(handler, chat_response("Hi.")))
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(generate, service, headers={"Idempotency-Key": "k"}) for _ in range(3)]
        assert remote.arrived.acquire(timeout=20)
        other = requests.post(
            f"{service.url}/v1/text/generate", json={"prompt": "y"}, headers={"Idempotency-Key": "k"}, timeout=5
        )  # rejected at once: the first request still runs
        assert other.json()["type"] == "idempotency_key_reused"
        release.set()
        ids = {call.result().json()["id"] for call in calls}
    assert len(ids) == len(remote.requests) == 1


def test_instances_share_responses_and_breakers_through_redis(start_with, chaos, redis):
    first, second = (start_with(REDIS_URL=redis.url, BREAKER_RECOVERY="1s") for _ in range(2))
    chaos.play([says(chat_response_body("positive"))])
    assert rate(first).headers["X-AI-Cache"] == "miss"
    assert rate(second).headers["X-AI-Cache"] == "hit"
    chaos.play([FAILS] * 6)
    assert [generate(first).status_code for _ in range(5)] == [502] * 5
    rejected = generate(second)
    assert (rejected.json()["type"], rejected.headers["Retry-After"]) == ("circuit_open", "1")
    assert chaos.calls == 5
    until(lambda: generate(second).json().get("type") == "upstream_unavailable")  # the probe
    assert generate(first).json()["type"] == "circuit_open"
    until(lambda: generate(first).status_code == 200)
    until(lambda: generate(second).status_code == 200)


def test_no_request_fails_while_redis_is_paused_and_restarted(start_with, chaos, redis):
    service = start_with(REDIS_URL=redis.url)
    done = threading.Event()
    statuses = Counter()

    def send_requests(thread):
        sent = 0
        while not done.is_set():
            sent += 1
            statuses[generate(service, headers={"Idempotency-Key": f"{thread}-{sent}"}).status_code] += 1

    def wait_for(message):
        service.wait_for_line(message)
        service.lines.clear()

    with ThreadPoolExecutor(10) as pool:
        for thread in range(10):
            pool.submit(send_requests, thread)
        for interrupt, restore in ((redis.pause, redis.resume), (redis.stop, redis.start)) * 2:
            until(lambda: redis.cached_keys())
            interrupt()
            wait_for("Redis failed")
            restore()
            wait_for("Redis answers again")
            redis.flush()
        done.set()
    assert set(statuses) == {200}


def test_a_paused_redis_delays_a_request_by_at_most_its_budget(start_with, chaos, redis):
    service = start_with(REDIS_URL=redis.url)
    assert generate(service).status_code == 200
    redis.pause()
    try:
        timings = [generate(service).headers["Server-Timing"] for _ in range(10)]
    finally:
        redis.resume()
    own = [_milliseconds(timing, "total") - _milliseconds(timing, "upstream") for timing in timings]
    assert max(own) < 150  # 50 of them are the budget for Redis
    assert sorted(own)[5] < 50  # no cost during the cooldown


def _milliseconds(timing, name):
    return float(timing.split(f"{name};dur=")[1].split(",")[0])


def test_concurrent_validations_share_the_list_of_models_and_not_the_result(start_with, chaos):
    service = start_with()
    may_list = threading.Event()

    def list_models(exchange):
        may_list.wait(20)
        exchange.send(http_response(b'{"data": [{"id": "org/a"}]}'))

    chaos.play([list_models])
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda model: is_valid(service, model), ("org/nope", "org/a"))
        until(lambda: ACTIVE.format(3) in service.get("/metrics").text)
        may_list.set()
        assert list(results) == [False, True]
    assert chaos.calls == 1


def is_valid(service, model):
    return service.get(f"/v1/models/validate?model={model}").json()["valid"]


@pytest.mark.parametrize(
    "reply", [b"+OK\r\n", b"$3\r\nabc\r\n", b"*0\r\n", b":5\r\n", b"-LOADING\r\n", b"HTTP/1.1 400 x\r\n"]
)
def test_a_redis_with_invalid_replies_changes_no_response(start_with, chaos, reply):
    with closing(FixedReplyServer(reply)) as server:
        service = start_with(REDIS_URL=server.url, BREAKER_FAILURES="2")
        chaos.play([says(chat_response_body("positive"))] * 8)
        found = [rate(service, text, headers={"Idempotency-Key": text}) for text in "abcdefgh"]
    assert {response.status_code for response in found} == {200}
    assert {response.headers["X-AI-Cache"] for response in found} == {"miss"}
