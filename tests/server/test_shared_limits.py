"""Limits across workers and replicas: exact with Redis, and not enforced while Redis is unreachable."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.calls import generate
from support.servers import until

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
