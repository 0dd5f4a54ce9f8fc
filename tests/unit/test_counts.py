"""What limits are counted with: in this process or in Redis, to the same effect."""

from datetime import UTC, datetime, timedelta

import pytest
from support.servers import until

from app.context import Allowance
from app.services import rates
from app.services.counts import Counts, Window
from app.services.leases import Leases
from app.services.rates import MovingWindows
from app.services.store import LATCH_FAULTS, Store

SECOND = 1.0


@pytest.fixture(params=["near", "redis"])
def store(request):
    return Store(None) if request.param == "near" else Store(request.getfixturevalue("redis").url)


@pytest.fixture
def allowance():
    return Allowance(SECOND)


@pytest.fixture
def away():
    return Store("redis://127.0.0.1:1/0")


def window(limit, *, ends_in=60, name="tokens_per_day"):
    return Window(name, f"x:{name}", limit, datetime.now(UTC) + timedelta(seconds=ends_in))


def test_a_moving_window_has_room_for_so_many_and_tells_when_there_will_be_more(store, allowance):
    windows = MovingWindows(store)
    taken = [windows.take("a", 2, 60, allowance) for _ in range(3)]
    assert [one.allowed for one in taken] == [True, True, False]
    assert [one.count for one in taken] == [1, 2, 2]
    assert all(59 < one.wait <= 60 for one in taken)
    assert windows.take("b", 2, 60, allowance).count == 1


def test_a_moving_window_forgets_what_is_older_than_it(redis, allowance, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("app.services.window.time.monotonic", lambda: now[0])
    windows = MovingWindows(Store(None))
    assert windows.take("a", 2, 10, allowance).allowed
    now[0] += 6
    assert windows.take("a", 2, 10, allowance).allowed
    refused = windows.take("a", 2, 10, allowance)
    assert (refused.allowed, refused.wait) == (False, 4.0)
    now[0] += 4
    assert windows.take("a", 2, 10, allowance).allowed
    assert not windows.take("a", 2, 10, allowance).allowed


def test_a_moving_window_in_redis_moves_by_redis_clock(redis, allowance):
    windows = MovingWindows(Store(redis.url))
    assert windows.take("a", 1, 0.05, allowance).allowed
    waited = windows.take("a", 1, 0.05, allowance).wait
    assert 0 < waited <= 0.05
    until(lambda: windows.take("a", 1, 0.05, Allowance(SECOND)).allowed)


def test_windows_in_this_process_are_bounded(allowance, monkeypatch):
    monkeypatch.setattr(rates, "WINDOWS", 2)
    windows = MovingWindows(Store(None))
    for key in ("a", "b", "a", "c"):
        windows.take(key, 1, 60, allowance)
    assert not windows.take("a", 1, 60, allowance).allowed
    assert windows.take("b", 1, 60, allowance).allowed  # it was used least recently


def test_an_amount_is_added_to_all_windows_or_to_none(store, allowance):
    counts = Counts(store)
    day, month = window(10), window(100, name="tokens_per_month")
    assert counts.reserve([day, month], 6, allowance) is None
    assert counts.reserve([day, month], 6, allowance) is day
    assert counts.reserve([day, month], 4, allowance) is None
    assert counts.reserve([month], 91, allowance) is month
    assert counts.reserve([month], 90, allowance) is None


def test_a_count_is_corrected_up_and_down(store, allowance):
    counts = Counts(store)
    day = window(10)
    counts.reserve([day], 8, allowance)
    counts.correct([day], -5, allowance)
    assert counts.reserve([day], 7, allowance) is None
    counts.correct([day], 3, allowance)
    assert counts.reserve([day], 0, allowance) is day


def test_a_window_that_is_over_is_not_brought_back_by_a_correction(store, allowance):
    counts = Counts(store)
    over = window(10, ends_in=-60)
    counts.reserve([over], 8, allowance)
    counts.correct([over], 8, allowance)
    assert counts.reserve([over], 10, allowance) is None


def test_places_are_taken_and_given_back(store, allowance):
    leases = Leases(store)
    assert [leases.take("a", 2, holder, 60, allowance) for holder in ("x", "y", "z")] == [True, True, False]
    leases.release("a", "x", allowance)
    assert leases.take("a", 2, "z", 60, allowance)
    assert leases.take("b", 1, "x", 60, allowance)
    for holder in ("y", "z", "z"):
        leases.release("a", holder, allowance)
    assert leases.take("a", 1, "w", 60, allowance)


def test_a_place_whose_holder_is_gone_is_free_when_its_time_is_over(redis, allowance):
    leases = Leases(Store(redis.url))
    assert leases.take("a", 1, "x", 0, allowance)
    assert leases.take("a", 1, "y", 60, allowance)
    assert not Leases(Store(redis.url)).take("a", 1, "z", 60, allowance)


def test_limits_are_open_where_redis_is_away(away, allowance):
    assert MovingWindows(away).take("a", 1, 60, allowance) is None
    assert Counts(away).reserve([window(1)], 50, allowance) is None
    assert Leases(away).take("a", 1, "x", 60, allowance) is None


def test_a_window_that_redis_called_full_is_so_while_a_single_question_goes_unanswered(redis, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(rates, "monotonic", lambda: now[0])
    windows = MovingWindows(Store(redis.url))
    assert [windows.take("a", 1, 60, Allowance(SECOND)).allowed for _ in range(2)] == [True, False]
    known = windows.take("a", 1, 60, Allowance(0))
    assert (known.allowed, known.count) == (False, 1)
    assert 59 < known.wait <= 60
    assert windows.take("b", 1, 60, Allowance(0)) is None
    now[0] += 60
    assert windows.take("a", 1, 60, Allowance(0)) is None


def test_no_window_is_called_full_while_redis_is_away(redis, allowance):
    store = Store(redis.url)
    windows = MovingWindows(store)
    assert [windows.take("a", 1, 60, allowance).allowed for _ in range(2)] == [True, False]
    for _ in range(LATCH_FAULTS):
        store.ask(allowance, bool, ("NO SUCH COMMAND",))
    assert windows.take("a", 1, 60, allowance) is None


def test_rubbish_in_redis_leaves_limits_open(redis, allowance):
    for kind, key in (("rate", "a"), ("count", "x:tokens_per_day"), ("lease", "a")):
        redis.put(f"ai-huggingface:{kind}:{key}".encode(), b"rubbish")
    store = Store(redis.url)
    assert MovingWindows(store).take("a", 1, 60, allowance) is None
    assert Counts(store).reserve([window(1)], 50, allowance) is None
    assert Leases(store).take("a", 1, "x", 60, allowance) is None
