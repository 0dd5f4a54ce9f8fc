"""The cache: bounded in bytes and time, in the process and in Redis."""

import pytest
from redis import Redis

from app.cache.response_cache import ENTRY_BYTES, PREFIX, ResponseCache
from app.context.deadline import TimeBudget
from app.redis_store import RedisStore

PLENTY = 10**6
HOUR = 3600


@pytest.fixture
def allowance():
    return TimeBudget(1)


def test_a_value_is_kept_for_its_time(allowance, monkeypatch):
    cache = ResponseCache(RedisStore(None), HOUR, PLENTY)
    cache.set("a", b"1", allowance)
    assert cache.get_local("a") == b"1"
    assert cache.get_local("b") is None
    cache._near.expire(cache._near.timer() + HOUR)
    assert cache.get_local("a") is None


def test_it_takes_no_more_bytes_than_it_may_and_forgets_what_was_used_least(allowance):
    cache = ResponseCache(RedisStore(None), HOUR, 3 * (ENTRY_BYTES + 100))
    for key in "abc":
        cache.set(key, b"x" * 100, allowance)
    cache.get_local("a")
    cache.set("d", b"x" * 100, allowance)
    assert [key for key in "abcd" if cache.get_local(key)] == ["a", "c", "d"]


def test_what_is_larger_than_the_whole_is_not_kept(allowance, redis):
    cache = ResponseCache(RedisStore(redis.url), HOUR, ENTRY_BYTES + 10)
    cache.set("a", b"x" * 11, allowance)
    assert cache.get_local("a") is cache.get_shared("a", allowance) is None


def test_a_time_of_zero_keeps_nothing(allowance, redis):
    ResponseCache(RedisStore(redis.url), HOUR, PLENTY).set("b", b"1", allowance)
    cache = ResponseCache(RedisStore(redis.url), 0, PLENTY)
    cache.set("a", b"1", allowance)
    assert cache.get_local("a") is cache.get_shared("a", allowance) is cache.get_shared("b", allowance) is None


def test_processes_that_share_a_redis_share_what_they_keep_for_its_time(allowance, redis):
    here, there = (ResponseCache(RedisStore(redis.url), HOUR, PLENTY) for _ in range(2))
    here.set("a", b"1", allowance)
    assert there.get_local("a") is None
    assert there.get_shared("a", allowance) == b"1"
    with Redis.from_url(redis.url) as client:
        assert HOUR - 5 < client.ttl(PREFIX + "a") <= HOUR
