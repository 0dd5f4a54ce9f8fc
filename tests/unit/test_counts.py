"""What limits are counted with: in this process or in Redis, to the same effect."""

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


@pytest.fixture(params=["near", "redis"])
def store(request):
    return RedisStore(None) if request.param == "near" else RedisStore(request.getfixturevalue("redis").url)


@pytest.fixture
def allowance():
    return TimeBudget(SECOND)


@pytest.fixture
def away():
    return RedisStore("redis://127.0.0.1:1/0")


def window(limit, *, ends_in=60, name="tokens_per_day"):
    return QuotaWindow(name, f"x:{name}", limit, datetime.now(UTC) + timedelta(seconds=ends_in))


def test_a_moving_window_has_room_for_so_many_and_tells_when_there_will_be_more(store, allowance):
    windows = SlidingWindowLimiter(store)
    taken = [windows.hit("a", 2, 60, allowance) for _ in range(3)]
    assert [one.allowed for one in taken] == [True, True, False]
    assert [one.count for one in taken] == [1, 2, 2]
    assert all(59 < one.wait <= 60 for one in taken)
    assert windows.hit("b", 2, 60, allowance).count == 1


def test_a_moving_window_forgets_what_is_older_than_it(redis, allowance, monkeypatch):
    clock = fake_clock(monkeypatch, sliding_window)
    windows = SlidingWindowLimiter(RedisStore(None))
    assert windows.hit("a", 2, 10, allowance).allowed
    clock.advance(6)
    assert windows.hit("a", 2, 10, allowance).allowed
    refused = windows.hit("a", 2, 10, allowance)
    assert (refused.allowed, refused.wait) == (False, 4.0)
    clock.advance(4)
    assert windows.hit("a", 2, 10, allowance).allowed
    assert not windows.hit("a", 2, 10, allowance).allowed


def test_a_moving_window_in_redis_moves_by_redis_clock(redis, allowance):
    windows = SlidingWindowLimiter(RedisStore(redis.url))
    assert windows.hit("a", 1, 0.05, allowance).allowed
    waited = windows.hit("a", 1, 0.05, allowance).wait
    assert 0 < waited <= 0.05
    until(lambda: windows.hit("a", 1, 0.05, TimeBudget(SECOND)).allowed)


def test_windows_in_this_process_are_bounded(allowance, monkeypatch):
    monkeypatch.setattr(sliding_window_limiter, "WINDOWS", 2)
    windows = SlidingWindowLimiter(RedisStore(None))
    for key in ("a", "b", "a", "c"):
        windows.hit(key, 1, 60, allowance)
    assert not windows.hit("a", 1, 60, allowance).allowed
    assert windows.hit("b", 1, 60, allowance).allowed  # it was used least recently


def test_an_amount_is_added_to_all_windows_or_to_none(store, allowance):
    counts = FixedWindowCounters(store)
    day, month = window(10), window(100, name="tokens_per_month")
    assert counts.reserve([day, month], 6, allowance) is None
    assert counts.reserve([day, month], 6, allowance) is day
    assert counts.reserve([day, month], 4, allowance) is None
    assert counts.reserve([month], 91, allowance) is month
    assert counts.reserve([month], 90, allowance) is None


def test_a_count_is_corrected_up_and_down(store, allowance):
    counts = FixedWindowCounters(store)
    day = window(10)
    counts.reserve([day], 8, allowance)
    counts.adjust([day], -5, allowance)
    assert counts.reserve([day], 7, allowance) is None
    counts.adjust([day], 3, allowance)
    assert counts.reserve([day], 0, allowance) is day


def test_a_window_that_is_over_is_not_brought_back_by_a_correction(store, allowance):
    counts = FixedWindowCounters(store)
    over = window(10, ends_in=-60)
    counts.reserve([over], 8, allowance)
    counts.adjust([over], 8, allowance)
    assert counts.reserve([over], 10, allowance) is None


def test_places_are_taken_and_given_back(store, allowance):
    leases = DistributedSemaphore(store)
    assert [leases.acquire("a", 2, holder, 60, allowance) for holder in ("x", "y", "z")] == [True, True, False]
    leases.release("a", "x", allowance)
    assert leases.acquire("a", 2, "z", 60, allowance)
    assert leases.acquire("b", 1, "x", 60, allowance)
    for holder in ("y", "z", "z"):
        leases.release("a", holder, allowance)
    assert leases.acquire("a", 1, "w", 60, allowance)


def test_a_place_whose_holder_is_gone_is_free_when_its_time_is_over(redis, allowance):
    leases = DistributedSemaphore(RedisStore(redis.url))
    assert leases.acquire("a", 1, "x", 0, allowance)
    assert leases.acquire("a", 1, "y", 60, allowance)
    assert not DistributedSemaphore(RedisStore(redis.url)).acquire("a", 1, "z", 60, allowance)


def test_limits_are_open_where_redis_is_away(away, allowance):
    assert SlidingWindowLimiter(away).hit("a", 1, 60, allowance) is None
    assert FixedWindowCounters(away).reserve([window(1)], 50, allowance) is None
    assert DistributedSemaphore(away).acquire("a", 1, "x", 60, allowance) is None


def test_a_window_that_redis_called_full_is_so_while_a_single_question_goes_unanswered(redis, monkeypatch):
    clock = fake_clock(monkeypatch, sliding_window_limiter)
    windows = SlidingWindowLimiter(RedisStore(redis.url))
    assert [windows.hit("a", 1, 60, TimeBudget(SECOND)).allowed for _ in range(2)] == [True, False]
    known = windows.hit("a", 1, 60, TimeBudget(0))
    assert (known.allowed, known.count) == (False, 1)
    assert 59 < known.wait <= 60
    assert windows.hit("b", 1, 60, TimeBudget(0)) is None
    clock.advance(60)
    assert windows.hit("a", 1, 60, TimeBudget(0)) is None


def test_no_window_is_called_full_while_redis_is_away(redis, allowance):
    store = RedisStore(redis.url)
    windows = SlidingWindowLimiter(store)
    assert [windows.hit("a", 1, 60, allowance).allowed for _ in range(2)] == [True, False]
    for _ in range(COOLDOWN_FAILURES):
        store.execute(allowance, bool, ("NO SUCH COMMAND",))
    assert windows.hit("a", 1, 60, allowance) is None


def test_rubbish_in_redis_leaves_limits_open(redis, allowance):
    for kind, key in (("rate", "a"), ("count", "x:tokens_per_day"), ("lease", "a")):
        redis.put(f"ai-huggingface:{kind}:{key}".encode(), b"rubbish")
    store = RedisStore(redis.url)
    assert SlidingWindowLimiter(store).hit("a", 1, 60, allowance) is None
    assert FixedWindowCounters(store).reserve([window(1)], 50, allowance) is None
    assert DistributedSemaphore(store).acquire("a", 1, "x", 60, allowance) is None
