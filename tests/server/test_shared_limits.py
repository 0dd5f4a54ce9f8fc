"""Limits across workers and replicas: exact with Redis, and not enforced while Redis is unreachable."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.calls import generate, post
from support.metrics import total
from support.servers import chat_response, reply, until

THREADS = 200


@pytest.fixture
def replicas(start, remote, redis):
    """Two instances of two workers each, with one Redis and a limit of 100 requests per minute."""
    return [
        start(
            OPENAI_BASE_URL=f"{remote.url}/v1",
            REDIS_URL=redis.url,
            RATE_LIMIT="100/minute",
            WEB_CONCURRENCY="2",
            CACHE_TTL="0s",
        )
        for _ in range(2)
    ]


def statuses(replicas, requests):
    """Send requests to the instances in turn; return the number of responses by status."""
    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(lambda number: generate(replicas[number % len(replicas)]).status_code, range(requests)))


def test_a_limit_is_exact_across_workers_and_instances(replicas):
    assert statuses(replicas, 250) == {200: 100, 429: 150}


def test_requests_succeed_while_redis_is_stopped(replicas, redis):
    assert statuses(replicas, 60) == {200: 60}
    redis.stop()
    try:
        assert statuses(replicas, 120) == {200: 120}
        assert "redis_unanswered_total" in replicas[0].get("/metrics").text
        assert any("Redis failed" in line for replica in replicas for line in replica.lines)
    finally:
        redis.start()
    until(lambda: statuses(replicas, 20)[429] > 0)


def give_what_is_asked_for(handler):
    """Respond with as many tokens as the request allows, 5,000 without a limit."""
    tokens = handler.asked.get("max_tokens", 5000)
    usage = {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": tokens + 3}
    reply(handler, {**chat_response("Hi."), "usage": usage})


def test_concurrent_chats_without_a_limit_of_their_own_stay_within_the_token_limit(start, remote):
    remote.respond = give_what_is_asked_for
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", TOKENS_PER_DAY="1000")
    chat = {"messages": [{"role": "user", "content": "Hi."}]}
    with ThreadPoolExecutor(12) as pool:
        found = Counter(pool.map(lambda _: post(service, "/v1/chat/completions", chat).status_code, range(12)))
    assert set(found) == {200, 429}
    assert 800 <= total(service, "ai_client_tokens_total") <= 1000
