"""Sliding windows."""

import pytest
from support.clock import fake_clock

from app import sliding_window
from app.sliding_window import SLOTS, SlidingWindow

SECONDS = 10
SLOT_SECONDS = SECONDS / SLOTS


@pytest.fixture
def clock(monkeypatch):
    return fake_clock(monkeypatch, sliding_window)


@pytest.fixture
def window(clock):
    return SlidingWindow(SECONDS)


def test_an_event_expires_after_the_seconds_of_the_window(window, clock):
    window.add(failed=True)
    clock.advance(4)
    window.add()
    assert window.counts() == (2, 1)
    assert window.seconds_until_free() == 6
    clock.advance(6)
    assert window.counts() == (1, 0)
    clock.advance(4)
    assert window.counts() == (0, 0)


def test_events_of_one_slot_expire_together_with_the_last_of_them(window, clock):
    for slots in (0, 0.4, 0.4, 0.7):
        clock.advance(slots * SLOT_SECONDS)
        window.add(failed=True)
    clock.advance(SECONDS - 0.8 * SLOT_SECONDS)
    assert window.counts() == (4, 4)
    clock.advance(0.2 * SLOT_SECONDS)
    assert window.counts() == (1, 1)


def test_any_number_of_events_takes_no_more_than_the_slots(window, clock):
    per_slot = 20
    for _ in range(5 * SLOTS * per_slot):
        clock.advance(SLOT_SECONDS / per_slot)
        window.add()
    count, _ = window.counts()
    assert SLOTS * per_slot <= count <= 1.002 * SLOTS * per_slot
    counts = set()
    while count:  # a slot expires as one, so there are as many distinct counts as slots
        counts.add(count)
        clock.advance(SLOT_SECONDS / per_slot)
        count, _ = window.counts()
    assert len(counts) <= SLOTS + 1


def test_a_cleared_window_is_empty(window):
    window.add(failed=True)
    window.clear()
    assert window.counts() == (0, 0)
