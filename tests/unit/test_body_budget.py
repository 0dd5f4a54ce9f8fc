"""The budget for the bytes of large bodies: turns, shares of clients, and waits without a turn."""

from types import SimpleNamespace

import gevent
import gevent.event
import pytest

from app.errors import LargeBodyLimitReached
from app.web import body_budget as module
from app.web.body_budget import BodyBudget

LONG = 20.0


@pytest.fixture(autouse=True)
def greenlets(monkeypatch):
    """Wait as in a worker, whose threads are greenlets."""
    monkeypatch.setattr(module, "threading", SimpleNamespace(Event=gevent.event.Event))


@pytest.fixture
def budget():
    return BodyBudget(100, LONG)


def start(budget, client, size):
    """Return the greenlet that reserves."""
    greenlet = gevent.spawn(budget.reserve, client, size)
    gevent.sleep(0)
    return greenlet


def granted(*greenlets):
    """Return which of them hold their reservation."""
    gevent.joinall(greenlets, timeout=0.01)
    return [one.successful() for one in greenlets]


def test_a_client_gets_its_share_and_no_more():
    budget = BodyBudget(100, 0)
    _, second = budget.reserve("one", 60), budget.reserve("one", 40)
    with pytest.raises(LargeBodyLimitReached) as caught:
        budget.reserve("one", 1)
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    assert caught.value.details == {"limit": "max_body_bytes"}
    second.release()
    budget.reserve("one", 40)


def test_clients_with_full_shares_leave_no_room_for_others():
    budget = BodyBudget(100, 0)
    first = budget.reserve("one", 100)
    budget.reserve("two", 90)
    budget.reserve("three", 10)
    with pytest.raises(LargeBodyLimitReached):
        budget.reserve("three", 1)
    first.release()
    budget.reserve("three", 90)


def test_a_body_that_is_smaller_than_reserved_gives_the_rest_back():
    budget = BodyBudget(100, 0)
    first = budget.reserve("one", 100)
    first.shrink(30)
    second = budget.reserve("one", 70)
    first.release()
    second.release()
    budget.reserve("one", 100)


def test_a_waiting_body_gets_its_turn_when_there_is_room(budget):
    first = budget.reserve("one", 100)
    second = start(budget, "one", 80)
    first.shrink(30)
    assert granted(second) == [False]
    first.release()
    assert granted(second) == [True]


def test_bodies_wait_behind_those_of_their_client_and_not_of_others(budget):
    first = budget.reserve("one", 50)
    second, third = start(budget, "one", 100), start(budget, "one", 10)
    other = start(budget, "two", 100)
    assert granted(second, third, other) == [False, False, True]
    first.release()
    assert granted(second, third) == [True, False]
    second.value.release()
    assert granted(third) == [True]


def test_clients_get_their_turns_one_after_the_other(budget):
    first, second = budget.reserve("one", 100), budget.reserve("two", 100)
    waiting = [start(budget, client, 100) for client in ("one", "one", "one", "three", "two")]
    first.release()
    assert granted(*waiting) == [True, False, False, False, False]
    second.release()
    assert granted(*waiting) == [True, False, False, True, False]
    waiting[0].value.release()
    assert granted(*waiting) == [True, False, False, True, True]
    waiting[3].value.release()
    assert granted(*waiting) == [True, True, False, True, True]


def test_a_body_does_not_overtake_a_larger_one_that_waits_for_room(budget):
    _, second = budget.reserve("one", 100), budget.reserve("two", 60)
    large, small = start(budget, "three", 50), start(budget, "four", 40)
    assert granted(large, small) == [False, False]
    second.release()
    assert granted(large, small) == [True, True]


def test_a_wait_that_ends_without_a_turn_makes_room_for_those_behind_it(budget):
    for client in ("one", "two"):
        budget.reserve(client, 80)
    large, second, small = start(budget, "three", 50), start(budget, "three", 50), start(budget, "four", 40)
    large.kill()
    assert granted(second, small) == [False, False]
    second.kill()
    assert granted(small) == [True]


def test_a_turn_that_comes_too_late_is_given_back(budget):
    first = budget.reserve("one", 100)
    second, third = start(budget, "one", 100), start(budget, "one", 100)
    second.kill(block=False)
    first.release()  # the turn comes while the error is on its way
    assert granted(third) == [True]
