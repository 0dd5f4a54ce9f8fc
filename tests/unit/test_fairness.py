"""CoopBudget: a reader yields after its slice of time."""

import pytest

from app import fairness
from app.fairness import MAX_YIELD_SECONDS, CoopBudget


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when the test or a sleep moves it, and the list of sleeps."""
    now, sleeps = [1000.0], []

    def sleep(seconds):
        sleeps.append(round(seconds, 6))
        now[0] += seconds

    monkeypatch.setattr(fairness.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(fairness.gevent, "sleep", sleep)
    return now, sleeps


def test_after_its_slice_a_reader_sleeps_once_for_as_long_as_it_worked(clock):
    now, sleeps = clock
    budget = CoopBudget()
    now[0] += 0.02
    budget.yield_if_due()
    budget.yield_if_due()
    assert sleeps == [0.02]


def test_a_read_that_blocks_starts_a_new_slice(clock):
    now, sleeps = clock
    budget = CoopBudget()
    for _ in range(5):
        now[0] += 0.004
        with budget:
            now[0] += 0.001
    assert sleeps == []


def test_a_read_that_does_not_block_uses_up_the_slice(clock):
    now, sleeps = clock
    budget = CoopBudget()
    for _ in range(3):
        now[0] += 0.003
        with budget:
            pass
    assert sleeps == [0.006]


def test_one_yield_is_bounded(clock):
    now, sleeps = clock
    budget = CoopBudget()
    now[0] += 60
    with budget:
        pass
    assert sleeps == [MAX_YIELD_SECONDS]
