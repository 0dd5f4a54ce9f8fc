"""When a failed call is made again, and after how long."""

import pytest

from app.context import Deadline
from app.errors import ModelLoading, UpstreamRateLimited, UpstreamRejected, UpstreamUnavailable
from app.services.retry import BASE_SECONDS, CAP_SECONDS, RetryPolicy

POLICY = RetryPolicy(retries=3)
AMPLE = Deadline(1000)


@pytest.fixture(autouse=True)
def whole_waits(monkeypatch):
    """Jitter takes the longest wait of its range."""
    monkeypatch.setattr("app.services.retry.random.uniform", lambda low, high: high)


def test_waits_double_up_to_a_cap():
    policy = RetryPolicy(retries=20)
    waits = [policy.wait(UpstreamUnavailable(), attempt, AMPLE) for attempt in range(1, 8)]
    assert waits == [min(CAP_SECONDS, BASE_SECONDS * 2**attempt) for attempt in range(1, 8)]
    assert waits[-1] == CAP_SECONDS


def test_jitter_is_full(monkeypatch):
    monkeypatch.setattr("app.services.retry.random.uniform", lambda low, high: low)
    assert POLICY.wait(UpstreamUnavailable(), 1, AMPLE) == 0


def test_attempts_end():
    assert POLICY.wait(UpstreamUnavailable(), 3, AMPLE) is not None
    assert POLICY.wait(UpstreamUnavailable(), 4, AMPLE) is None


def test_what_will_not_change_is_not_tried_again():
    assert POLICY.wait(UpstreamRejected(), 1, AMPLE) is None


@pytest.mark.parametrize("error", [UpstreamRateLimited(retry_after=9), ModelLoading(retry_after=9)])
def test_a_time_named_by_the_upstream_is_obeyed_where_it_fits(error):
    assert POLICY.wait(error, 1, AMPLE) == 9
    assert POLICY.wait(error, 1, Deadline(8)) is None


def test_a_time_named_on_another_error_is_not_obeyed():
    assert POLICY.wait(UpstreamUnavailable(retry_after=99), 1, AMPLE) == BASE_SECONDS * 2


def test_no_wait_outlives_the_deadline():
    assert POLICY.wait(UpstreamUnavailable(), 3, Deadline(0.5)) is None
