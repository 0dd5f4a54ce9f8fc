"""Windows that move."""

import pytest
from support.clock import fake_clock

from app import sliding_window
from app.sliding_window import SLOTS, SlidingWindow


@pytest.fixture
def now(monkeypatch):
    return fake_clock(monkeypatch, sliding_window)


def test_an_event_is_in_the_window_for_its_seconds_and_no_longer(now):
    window = SlidingWindow(10)
    window.add(failed=True)
    now.advance(4)
    window.add()
    assert window.counts() == (2, 1)
    assert window.seconds_until_free() == 6
    now.advance(6)
    assert window.counts() == (1, 0)
    now.advance(4)
    assert window.counts() == (0, 0)


def test_what_came_in_the_same_moment_leaves_with_the_last_of_it(now):
    window = SlidingWindow(10)
    slot = 10 / SLOTS
    for slots in (0, 0.4, 0.4, 0.7):
        now.advance(slots * slot)
        window.add(failed=True)
    now.advance(10 - 0.8 * slot)
    assert window.counts() == (4, 4)
    now.advance(0.2 * slot)
    assert window.counts() == (1, 1)


def test_however_many_come_they_take_no_more_than_the_slots(now):
    window = SlidingWindow(10)
    for _ in range(100_000):
        now.advance(0.0005)
        window.add()
    count, _ = window.counts()
    assert count == pytest.approx(20_000, rel=0.002)
    assert count >= 20_000
    assert len(window._times) <= SLOTS + 1


def test_a_window_that_is_cleared_is_empty(now):
    window = SlidingWindow(10)
    window.add(failed=True)
    window.clear()
    assert window.counts() == (0, 0)
