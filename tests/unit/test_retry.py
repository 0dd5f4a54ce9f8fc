"""Retries: whether a failed call is attempted again, after which delay, and their budget."""

import math
import time

import pytest

from app.context.deadline import Deadline
from app.errors import ModelLoading, UpstreamOverloaded, UpstreamRateLimited, UpstreamRejected, UpstreamUnavailable
from app.upstream.resilience.retry import (
    BACKOFF_BASE_SECONDS,
    BACKOFF_CAP_SECONDS,
    BUDGET_MAX_CLIENTS,
    BUDGET_MAX_UNEARNED,
    BUDGET_MIN_RETRIES,
    BUDGET_SECONDS,
    RetryBudget,
    RetryPolicy,
)

POLICY = RetryPolicy(max_retries=3)
AMPLE = Deadline(math.inf)


@pytest.fixture(autouse=True)
def longest_delays(monkeypatch):
    """Let jitter choose the longest delay of its range."""
    monkeypatch.setattr("app.upstream.resilience.retry.random.uniform", lambda low, high: high)


def test_delays_double_up_to_a_cap():
    policy = RetryPolicy(max_retries=20)
    delays = [policy.delay(UpstreamUnavailable(), attempt, AMPLE) for attempt in range(1, 8)]
    assert delays == [min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2**attempt) for attempt in range(1, 8)]
    assert delays[-1] == BACKOFF_CAP_SECONDS


def test_jitter_is_full(monkeypatch):
    monkeypatch.setattr("app.upstream.resilience.retry.random.uniform", lambda low, high: low)
    assert POLICY.delay(UpstreamUnavailable(), 1, AMPLE) == 0


def test_attempts_are_limited():
    assert POLICY.delay(UpstreamUnavailable(), 3, AMPLE) is not None
    assert POLICY.delay(UpstreamUnavailable(), 4, AMPLE) is None


def test_error_that_is_not_retryable_is_not_retried():
    assert POLICY.delay(UpstreamRejected(), 1, AMPLE) is None


@pytest.mark.parametrize("kind", [UpstreamRateLimited, ModelLoading, UpstreamOverloaded])
def test_retry_after_of_the_upstream_is_obeyed_within_the_deadline(kind):
    error = kind(retry_after=9)
    assert POLICY.delay(error, 1, AMPLE) == 9
    assert POLICY.delay(error, 1, Deadline(8)) is None


def test_retry_after_of_another_error_is_ignored():
    assert POLICY.delay(UpstreamUnavailable(retry_after=99), 1, AMPLE) == BACKOFF_BASE_SECONDS * 2


def test_no_delay_exceeds_the_deadline():
    assert POLICY.delay(UpstreamUnavailable(), 3, Deadline(0.5)) is None


def allowed_retries(budget, tries, client=""):
    return sum(budget.try_withdraw(client) for _ in range(tries))


def test_service_without_traffic_may_retry_a_few_times():
    assert allowed_retries(RetryBudget(), 100) == BUDGET_MIN_RETRIES


def test_busy_service_may_retry_a_fifth_of_its_calls():
    budget = RetryBudget()
    for _ in range(1000):
        budget.deposit()
    assert allowed_retries(budget, 1000) == 200


def test_budget_counts_the_last_seconds_only(monkeypatch):
    budget = RetryBudget()
    assert allowed_retries(budget, 100) == BUDGET_MIN_RETRIES
    later = time.monotonic() + BUDGET_SECONDS + 1
    monkeypatch.setattr("app.sliding_window.time.monotonic", lambda: later)
    assert allowed_retries(budget, 100) == BUDGET_MIN_RETRIES


def test_failures_of_one_client_use_up_no_retries_of_another():
    budget = RetryBudget()
    for _ in range(1000):
        budget.deposit("busy")
    assert allowed_retries(budget, 1000, "busy") == 200
    assert allowed_retries(budget, 1000, "small") == BUDGET_MIN_RETRIES
    assert allowed_retries(budget, 1000, "other") == BUDGET_MIN_RETRIES


def test_many_clients_that_fail_at_once_have_a_common_limit_but_keep_their_share():
    budget = RetryBudget()
    for number in range(100):
        for _ in range(5):
            budget.deposit(f"{number}")
    assert sum(allowed_retries(budget, 20, f"{number}") for number in range(100)) == 100 + BUDGET_MAX_UNEARNED


def test_accounts_of_many_clients_are_bounded(monkeypatch):
    budget = RetryBudget()
    for _ in range(1000):
        budget.deposit("first")
    for number in range(BUDGET_MAX_CLIENTS):
        budget.deposit(f"{number}")
    assert allowed_retries(budget, 1000, "first") == BUDGET_MIN_RETRIES
    later = time.monotonic() + BUDGET_SECONDS + 1
    monkeypatch.setattr("app.sliding_window.time.monotonic", lambda: later)
    assert allowed_retries(budget, 1000, "1") == BUDGET_MIN_RETRIES
