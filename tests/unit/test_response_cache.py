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


@pytest.fixture
def full_cache(budget):
    """A cache with room for six values: two of a small client, then more than the rest of one that stores many."""
    cache = ResponseCache(RedisStore(None), HOUR, 6 * (ENTRY_BYTES + 100))
    for key in ("small-1", "small-2"):
        cache.set(key, b"x" * 100, budget, "small")
    for number in range(9):
        cache.set(f"busy-{number}", b"x" * 100, budget, "busy")
    return cache


def stored(cache, name, numbers=range(10)):
    return [number for number in numbers if cache.get_local(f"{name}-{number}")]


def test_a_flood_of_one_client_evicts_its_own_values_only(full_cache):
    assert stored(full_cache, "small") == [1, 2]
    assert stored(full_cache, "busy") == [5, 6, 7, 8]


def test_a_client_below_its_share_evicts_a_value_of_one_above(full_cache, budget):
    full_cache.set("small-3", b"x" * 100, budget, "small")
    assert stored(full_cache, "small") == [1, 2, 3]
    assert stored(full_cache, "busy") == [6, 7, 8]


def test_small_clients_keep_their_values_in_a_cache_of_many_clients(budget):
    cache = ResponseCache(RedisStore(None), HOUR, 100 * (ENTRY_BYTES + 100))
    for number in range(40):
        cache.set(f"busy-{number}", b"x" * 100, budget, "busy")
        cache.set(f"small-{number}", b"x" * 100, budget, f"client-{number // 2}")
    for number in range(40, 200):
        cache.set(f"busy-{number}", b"x" * 100, budget, "busy")
    assert stored(cache, "small", range(40)) == [*range(40)]
    assert stored(cache, "busy", range(200)) == [*range(140, 200)]


def test_a_new_client_gets_a_share_of_a_cache_that_others_have_filled(full_cache, budget):
    full_cache.set("new-1", b"x" * 100, budget, "new")
    full_cache.set("new-2", b"x" * 100, budget, "new")
    full_cache.set("new-3", b"x" * 100, budget, "new")
    assert [stored(full_cache, name) for name in ("small", "busy", "new")] == [[1, 2], [7, 8], [2, 3]]


def test_a_client_may_use_the_whole_cache_again_when_the_others_values_have_expired(budget):
    cache = ResponseCache(RedisStore(None), 0.2, 3 * (ENTRY_BYTES + 100))
    cache.set("old-1", b"x" * 100, budget, "old")
    until(lambda: not stored(cache, "old"))
    for number in range(4):
        cache.set(f"new-{number}", b"x" * 100, budget, "new")
    assert stored(cache, "new") == [1, 2, 3]


def test_a_value_that_is_replaced_counts_once(budget):
    cache = ResponseCache(RedisStore(None), HOUR, 2 * (ENTRY_BYTES + 100))
    for value in (b"x" * 100, b"y" * 100, b"z" * 100):
        cache.set("a-1", value, budget, "a")
        cache.set("a-2", value, budget, "b")
    assert (cache.get_local("a-1"), cache.get_local("a-2")) == (b"z" * 100, b"z" * 100)


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


def test_a_client_without_values_left_does_not_hide_who_holds_most(budget):
    cache = ResponseCache(RedisStore(None), HOUR, 3 * (ENTRY_BYTES + 100))
    cache.set("a-1", b"x" * (2 * ENTRY_BYTES), budget, "gone")
    for key, client, size in (("a-1", "a", 90), ("b-1", "b", 100), ("a-2", "a", 90), ("b-2", "b", 100)):
        cache.set(key, b"x" * size, budget, client)
    assert (stored(cache, "a"), stored(cache, "b")) == ([1, 2], [2])
