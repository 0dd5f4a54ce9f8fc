"""The response cache: bounded in bytes and time, in this process and in Redis."""

from contextlib import closing

import pytest
from redis import Redis
from support.redis import FixedReplyServer
from support.servers import until

from app.cache.response_cache import ENTRY_BYTES, PREFIX, ResponseCache
from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

AMPLE_BYTES = 10**6
HOUR = 3600


@pytest.fixture
def budget():
    return TimeBudget(1)


def test_a_value_is_found_under_its_key_only(budget):
    cache = ResponseCache(RedisStore(None), HOUR, AMPLE_BYTES)
    cache.set("a", b"1", budget)
    assert cache.get_local("a") == b"1"
    assert cache.get_local("b") is None


def test_a_value_expires(budget):
    cache = ResponseCache(RedisStore(None), 0.05, AMPLE_BYTES)
    cache.set("a", b"1", budget)
    until(lambda: cache.get_local("a") is None)


def test_the_least_recently_used_value_is_evicted_when_the_bytes_are_used_up(budget):
    cache = ResponseCache(RedisStore(None), HOUR, 3 * (ENTRY_BYTES + 100))
    for key in "abc":
        cache.set(key, b"x" * 100, budget)
    cache.get_local("a")
    cache.set("d", b"x" * 100, budget)
    assert [key for key in "abcd" if cache.get_local(key)] == ["a", "c", "d"]


def test_a_value_larger_than_the_cache_is_not_stored(budget, redis):
    cache = ResponseCache(RedisStore(redis.url), HOUR, ENTRY_BYTES + 10)
    cache.set("a", b"x" * 11, budget)
    assert cache.get_local("a") is cache.get_shared("a", budget) is None


def test_a_ttl_of_zero_neither_stores_nor_reads(budget, redis):
    ResponseCache(RedisStore(redis.url), HOUR, AMPLE_BYTES).set("b", b"1", budget)
    cache = ResponseCache(RedisStore(redis.url), 0, AMPLE_BYTES)
    cache.set("a", b"1", budget)
    assert cache.get_local("a") is cache.get_shared("a", budget) is cache.get_shared("b", budget) is None


def test_processes_share_values_through_redis_until_they_expire(budget, redis):
    first, second = (ResponseCache(RedisStore(redis.url), HOUR, AMPLE_BYTES) for _ in range(2))
    first.set("a", b"1", budget)
    assert second.get_local("a") is None
    assert second.get_shared("a", budget) == b"1"
    with Redis.from_url(redis.url) as client:
        assert HOUR - 5 < client.ttl(PREFIX + "a") <= HOUR


def test_a_reply_of_another_type_is_a_miss(budget):
    with closing(FixedReplyServer(b":5\r\n")) as server:
        assert ResponseCache(RedisStore(server.url), HOUR, AMPLE_BYTES).get_shared("a", budget) is None
