"""Limits across workers and replicas: exact with Redis, and open without a word to callers where it is away."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.calls import generate
from support.servers import until

CALLERS = 200


@pytest.fixture
def replicas(start, remote, redis):
    """Two instances of two workers each, with one Redis and a limit of 100 a minute."""
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


def statuses(replicas, calls):
    """What so many calls are answered with, spread over the instances."""
    with ThreadPoolExecutor(CALLERS) as pool:
        return Counter(pool.map(lambda number: generate(replicas[number % len(replicas)]).status_code, range(calls)))


def test_a_limit_lets_exactly_so_many_through_whoever_they_ask(replicas):
    assert statuses(replicas, 250) == {200: 100, 429: 150}


def test_redis_killed_in_the_middle_is_no_callers_error(replicas, redis):
    assert statuses(replicas, 60) == {200: 60}
    redis.stop()
    try:
        assert statuses(replicas, 120) == {200: 120}
        assert "redis_unanswered_total" in replicas[0].get("/metrics").text
        assert any("redis fails, going on without it" in line for one in replicas for line in one.lines)
    finally:
        redis.start()
    until(lambda: statuses(replicas, 20)[429] > 0)
