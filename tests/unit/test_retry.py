"""When a failed call is made again, and after how long."""

import time

import pytest

from app.context.deadline import Deadline
from app.errors import ModelLoading, UpstreamRateLimited, UpstreamRejected, UpstreamUnavailable
from app.upstream.resilience.retry import (
    BASE_SECONDS,
    BUDGET_FLOOR,
    BUDGET_SECONDS,
    CAP_SECONDS,
    RetryBudget,
    RetryPolicy,
)

POLICY = RetryPolicy(retries=3)
AMPLE = Deadline(1000)


@pytest.fixture(autouse=True)
def whole_waits(monkeypatch):
    """Jitter takes the longest wait of its range."""
    monkeypatch.setattr("app.upstream.resilience.retry.random.uniform", lambda low, high: high)


def test_waits_double_up_to_a_cap():
    policy = RetryPolicy(retries=20)
    waits = [policy.wait(UpstreamUnavailable(), attempt, AMPLE) for attempt in range(1, 8)]
    assert waits == [min(CAP_SECONDS, BASE_SECONDS * 2**attempt) for attempt in range(1, 8)]
    assert waits[-1] == CAP_SECONDS


def test_jitter_is_full(monkeypatch):
    monkeypatch.setattr("app.upstream.resilience.retry.random.uniform", lambda low, high: low)
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


def taken(budget, wanted):
    return sum(budget.take_retry() for _ in range(wanted))


def test_a_quiet_service_may_retry_a_few_times():
    assert taken(RetryBudget(), 100) == BUDGET_FLOOR


def test_a_busy_service_may_retry_a_fifth_of_its_calls():
    budget = RetryBudget()
    for _ in range(1000):
        budget.count_call()
    assert taken(budget, 1000) == 200


def test_the_budget_of_earlier_seconds_is_gone(monkeypatch):
    budget = RetryBudget()
    assert taken(budget, 100) == BUDGET_FLOOR
    later = time.monotonic() + BUDGET_SECONDS + 1
    monkeypatch.setattr("app.sliding_window.time.monotonic", lambda: later)
    assert taken(budget, 100) == BUDGET_FLOOR
