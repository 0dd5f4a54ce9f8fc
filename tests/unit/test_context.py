"""The deadline of a request."""

import gevent
import pytest

from app.context.deadline import Deadline
from app.errors import UpstreamTimeout


def test_it_cuts_whatever_waits():
    with pytest.raises(UpstreamTimeout), Deadline(0.01).timeout():
        gevent.sleep(5)


def test_a_call_may_have_less_time_than_the_request():
    with pytest.raises(UpstreamTimeout), Deadline(60).timeout(within=0.01):
        gevent.sleep(5)


def test_nothing_is_left_after_it():
    assert Deadline(-1).remaining() == 0
    assert 59 < Deadline(60).remaining() <= 60
