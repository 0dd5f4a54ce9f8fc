"""Windows that move."""

import pytest

from app.sliding_window import SLOTS, SlidingWindow


@pytest.fixture
def now(monkeypatch):
    time = [1000.0]
    monkeypatch.setattr("app.sliding_window.time.monotonic", lambda: time[0])
    return time


def test_an_event_is_in_the_window_for_its_seconds_and_no_longer(now):
    window = SlidingWindow(10)
    window.add(failed=True)
    now[0] += 4
    window.add()
    assert window.counts() == (2, 1)
    assert window.seconds_until_free() == 6
    now[0] += 6
    assert window.counts() == (1, 0)
    now[0] += 4
    assert window.counts() == (0, 0)


def test_what_came_in_the_same_moment_leaves_with_the_last_of_it(now):
    window = SlidingWindow(10)
    began, slot = now[0], 10 / SLOTS
    for share in (0, 0.4, 0.8, 1.5):
        now[0] = began + share * slot
        window.add(failed=True)
    now[0] = began + 10 + 0.7 * slot
    assert window.counts() == (4, 4)
    now[0] = began + 10 + 0.9 * slot
    assert window.counts() == (1, 1)


def test_however_many_come_they_take_no_more_than_the_slots(now):
    window = SlidingWindow(10)
    for _ in range(100_000):
        now[0] += 0.0005
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
