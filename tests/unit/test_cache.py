"""The cache: bounded in bytes and time, in the process and in Redis."""

import pytest
from redis import Redis

from app.context import Allowance
from app.services.cache import ENTRY_BYTES, PREFIX, Cache
from app.services.store import Store

PLENTY = 10**6
HOUR = 3600


@pytest.fixture
def allowance():
    return Allowance(1)


def test_a_value_is_kept_for_its_time(allowance, monkeypatch):
    cache = Cache(Store(None), HOUR, PLENTY)
    cache.put("a", b"1", allowance)
    assert cache.near("a") == b"1"
    assert cache.near("b") is None
    cache._near.expire(cache._near.timer() + HOUR)
    assert cache.near("a") is None


def test_it_takes_no_more_bytes_than_it_may_and_forgets_what_was_used_least(allowance):
    cache = Cache(Store(None), HOUR, 3 * (ENTRY_BYTES + 100))
    for key in "abc":
        cache.put(key, b"x" * 100, allowance)
    cache.near("a")
    cache.put("d", b"x" * 100, allowance)
    assert [key for key in "abcd" if cache.near(key)] == ["a", "c", "d"]


def test_what_is_larger_than_the_whole_is_not_kept(allowance, redis):
    cache = Cache(Store(redis.url), HOUR, ENTRY_BYTES + 10)
    cache.put("a", b"x" * 11, allowance)
    assert cache.near("a") is cache.far("a", allowance) is None


def test_a_time_of_zero_keeps_nothing(allowance, redis):
    Cache(Store(redis.url), HOUR, PLENTY).put("b", b"1", allowance)
    cache = Cache(Store(redis.url), 0, PLENTY)
    cache.put("a", b"1", allowance)
    assert cache.near("a") is cache.far("a", allowance) is cache.far("b", allowance) is None


def test_processes_that_share_a_redis_share_what_they_keep_for_its_time(allowance, redis):
    here, there = (Cache(Store(redis.url), HOUR, PLENTY) for _ in range(2))
    here.put("a", b"1", allowance)
    assert there.near("a") is None
    assert there.far("a", allowance) == b"1"
    with Redis.from_url(redis.url) as client:
        assert HOUR - 5 < client.ttl(PREFIX + "a") <= HOUR
