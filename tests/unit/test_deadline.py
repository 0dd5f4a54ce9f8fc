"""The deadline of a request."""

import gevent
import pytest
from support.clock import fake_clock

from app.context import deadline as module
from app.context.deadline import Deadline
from app.errors import UpstreamTimeout


def test_the_timeout_ends_a_wait_at_the_deadline():
    with pytest.raises(UpstreamTimeout), Deadline(0.01).timeout():
        gevent.sleep(5)


def test_the_timeout_ends_a_wait_before_the_deadline_if_a_call_has_less_time():
    with pytest.raises(UpstreamTimeout), Deadline(60).timeout(within=0.01):
        gevent.sleep(5)


def test_a_call_with_more_time_than_the_request_ends_at_the_deadline():
    with pytest.raises(UpstreamTimeout), Deadline(0.01).timeout(within=60):
        gevent.sleep(5)


def test_the_remaining_time_decreases_to_zero(monkeypatch):
    clock = fake_clock(monkeypatch, module)
    deadline = Deadline(60)
    assert deadline.remaining() == 60
    clock.advance(59)
    assert deadline.remaining() == 1
    clock.advance(2)
    assert deadline.remaining() == 0
