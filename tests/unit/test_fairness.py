"""How one reader lets others work beside it."""

import pytest

from app import fairness
from app.fairness import MAX_YIELD_SECONDS, CoopBudget


@pytest.fixture
def rests(monkeypatch):
    """A clock that moves only while someone works or rests; how long was rested, each time."""
    now, rested = [1000.0], []

    def rest(seconds):
        rested.append(round(seconds, 6))
        now[0] += seconds

    monkeypatch.setattr(fairness.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(fairness.gevent, "sleep", rest)
    return now, rested


def test_who_worked_for_a_turn_rests_as_long_and_not_twice(rests):
    now, rested = rests
    mine = CoopBudget()
    now[0] += 0.02
    mine.yield_if_due()
    mine.yield_if_due()
    assert rested == [0.02]


def test_a_turn_begins_anew_with_each_wait(rests):
    now, rested = rests
    mine = CoopBudget()
    for _ in range(5):
        now[0] += 0.004
        with mine:
            now[0] += 0.001
    assert rested == []


def test_a_long_wait_elsewhere_is_not_rested_for_in_full(rests):
    now, rested = rests
    mine = CoopBudget()
    now[0] += 60
    with mine:
        pass
    assert rested == [MAX_YIELD_SECONDS]
