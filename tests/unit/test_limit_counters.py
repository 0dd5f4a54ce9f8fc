"""The counters behind limits of clients: the same results in this process and in Redis."""

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from support.clock import fake_clock
from support.servers import until

from app import sliding_window
from app.clients import sliding_window_limiter
from app.clients.quota_counters import FixedWindowCounters, QuotaWindow
from app.clients.sliding_window_limiter import SlidingWindowLimiter
from app.clients.stream_slots import DistributedSemaphore
from app.context.deadline import TimeBudget
from app.redis_store import COOLDOWN_FAILURES, RedisStore

SECOND = 1.0
DAY = 24 * 3600


@pytest.fixture(params=["local", "redis"])
def store(request):
    return RedisStore(None) if request.param == "local" else RedisStore(request.getfixturevalue("redis").url)


@pytest.fixture
def budget():
    return TimeBudget(SECOND)


@pytest.fixture
def unreachable():
    return RedisStore("redis://127.0.0.1:1/0")


def window(limit, *, ends_in=60, name="tokens_per_day"):
    return QuotaWindow(name, f"x:{name}", limit, datetime.now(UTC) + timedelta(seconds=ends_in))


def test_a_full_sliding_window_rejects_and_returns_the_time_until_it_has_room(store, budget):
    limiter = SlidingWindowLimiter(store)
    decisions = [limiter.hit("a", 2, 60, budget) for _ in range(3)]
    assert [decision.allowed for decision in decisions] == [True, True, False]
    assert [decision.count for decision in decisions] == [1, 2, 2]
    assert all(59 < decision.wait <= 60 for decision in decisions)
    assert limiter.hit("b", 2, 60, budget).count == 1


def test_requests_older_than_a_sliding_window_expire(budget, monkeypatch):
    clock = fake_clock(monkeypatch, sliding_window)
    limiter = SlidingWindowLimiter(RedisStore(None))
    assert limiter.hit("a", 2, 10, budget).allowed
    clock.advance(6)
    assert limiter.hit("a", 2, 10, budget).allowed
    rejected = limiter.hit("a", 2, 10, budget)
    assert (rejected.allowed, rejected.wait) == (False, 4.0)
    clock.advance(4)
    assert limiter.hit("a", 2, 10, budget).allowed
    assert not limiter.hit("a", 2, 10, budget).allowed


def test_requests_older_than_a_sliding_window_expire_in_redis_by_its_own_clock(redis, budget):
    limiter = SlidingWindowLimiter(RedisStore(redis.url))
    assert limiter.hit("a", 1, 0.05, budget).allowed
    assert 0 < limiter.hit("a", 1, 0.05, budget).wait <= 0.05
    until(lambda: limiter.hit("a", 1, 0.05, TimeBudget(SECOND)).allowed)


def test_the_least_recently_used_local_window_is_evicted(budget, monkeypatch):
    monkeypatch.setattr(sliding_window_limiter, "MAX_LOCAL_WINDOWS", 2)
    limiter = SlidingWindowLimiter(RedisStore(None))
    for key in ("a", "b", "a", "c"):
        limiter.hit(key, 1, 60, budget)
    assert not limiter.hit("a", 1, 60, budget).allowed
    assert limiter.hit("b", 1, 60, budget).allowed


def test_expired_local_windows_release_their_memory(budget, monkeypatch):
    flood = 10_000
    clock = fake_clock(monkeypatch, sliding_window)
    limiter = SlidingWindowLimiter(RedisStore(None))
    tracemalloc.start()
    try:
        limiter.hit("day", 5, DAY, budget)
        for number in range(flood):
            limiter.hit(f"address:{number}", 5, 60, budget)
        held = tracemalloc.get_traced_memory()[0]
        clock.advance(60)
        for _ in range(flood // sliding_window_limiter.MAX_EVICTIONS + 1):
            limiter.hit("day", 5, DAY, budget)
        assert tracemalloc.get_traced_memory()[0] < held / 50
    finally:
        tracemalloc.stop()


def test_an_amount_is_reserved_in_all_windows_or_in_none(store, budget):
    counters = FixedWindowCounters(store)
    day, month = window(10), window(100, name="tokens_per_month")
    assert counters.reserve([day, month], 6, budget) is None
    assert counters.reserve([day, month], 6, budget) is day
    assert counters.reserve([day, month], 4, budget) is None
    assert counters.reserve([month], 91, budget) is month
    assert counters.reserve([month], 90, budget) is None


def test_a_counter_is_adjusted_up_and_down(store, budget):
    counters = FixedWindowCounters(store)
    day = window(10)
    counters.reserve([day], 8, budget)
    counters.adjust([day], -5, budget)
    assert counters.reserve([day], 7, budget) is None
    counters.adjust([day], 3, budget)
    assert counters.reserve([day], 0, budget) is day


def test_an_adjustment_does_not_create_a_window_that_has_ended(store, budget):
    counters = FixedWindowCounters(store)
    ended = window(10, ends_in=-60)
    counters.reserve([ended], 8, budget)
    counters.adjust([ended], 8, budget)
    assert counters.reserve([ended], 10, budget) is None


def test_slots_are_acquired_up_to_the_limit_and_released(store, budget):
    slots = DistributedSemaphore(store)
    assert [slots.acquire("a", 2, holder, 60, budget) for holder in ("x", "y", "z")] == [True, True, False]
    slots.release("a", "x", budget)
    assert slots.acquire("a", 2, "z", 60, budget)
    assert slots.acquire("b", 1, "x", 60, budget)
    for holder in ("y", "z", "z"):
        slots.release("a", holder, budget)
    assert slots.acquire("a", 1, "w", 60, budget)


def test_a_slot_in_redis_expires_if_its_holder_does_not_release_it(redis, budget):
    slots = DistributedSemaphore(RedisStore(redis.url))
    assert slots.acquire("a", 1, "x", 0, budget)
    assert slots.acquire("a", 1, "y", 60, budget)
    assert not DistributedSemaphore(RedisStore(redis.url)).acquire("a", 1, "z", 60, budget)


def test_no_limit_applies_while_redis_is_unreachable(unreachable, budget):
    assert SlidingWindowLimiter(unreachable).hit("a", 1, 60, budget) is None
    assert FixedWindowCounters(unreachable).reserve([window(1)], 50, budget) is None
    assert DistributedSemaphore(unreachable).acquire("a", 1, "x", 60, budget) is None


def test_a_full_window_still_rejects_if_a_single_command_gets_no_reply(redis, monkeypatch):
    clock = fake_clock(monkeypatch, sliding_window_limiter)
    limiter = SlidingWindowLimiter(RedisStore(redis.url))
    assert [limiter.hit("a", 1, 60, TimeBudget(SECOND)).allowed for _ in range(2)] == [True, False]
    rejected = limiter.hit("a", 1, 60, TimeBudget(0))
    assert (rejected.allowed, rejected.count) == (False, 1)
    assert 59 < rejected.wait <= 60
    assert limiter.hit("b", 1, 60, TimeBudget(0)) is None
    clock.advance(60)
    assert limiter.hit("a", 1, 60, TimeBudget(0)) is None


def test_a_full_window_no_longer_rejects_while_redis_is_in_cooldown(redis, budget):
    store = RedisStore(redis.url)
    limiter = SlidingWindowLimiter(store)
    assert [limiter.hit("a", 1, 60, budget).allowed for _ in range(2)] == [True, False]
    redis.stop()
    try:
        for _ in range(COOLDOWN_FAILURES):
            limiter.hit("b", 1, 60, budget)
        assert limiter.hit("a", 1, 60, budget) is None
    finally:
        redis.start()


def test_no_limit_applies_if_redis_holds_values_of_another_type(redis, budget):
    for kind, key in (("rate", "a"), ("count", "x:tokens_per_day"), ("lease", "a")):
        redis.set(f"ai-huggingface:{kind}:{key}".encode(), b"text")
    store = RedisStore(redis.url)
    assert SlidingWindowLimiter(store).hit("a", 1, 60, budget) is None
    assert FixedWindowCounters(store).reserve([window(1)], 50, budget) is None
    assert DistributedSemaphore(store).acquire("a", 1, "x", 60, budget) is None
