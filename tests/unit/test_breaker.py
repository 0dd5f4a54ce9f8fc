"""The breaker: parallel while closed, one probe when half open."""

import threading

import pytest

from app.errors import CircuitOpen, UpstreamRejected, UpstreamUnavailable
from app.services.breaker import RATE_CALLS, Breaker, Breakers


def fail(breaker, error):
    with pytest.raises(type(error)), breaker.guard():
        raise error


@pytest.fixture
def opened():
    """A breaker that has opened and whose recovery time is over."""
    breaker = Breaker("test", failures=1, failure_rate=1, recovery=0)
    fail(breaker, UpstreamUnavailable())
    return breaker


def test_calls_run_in_parallel_while_it_is_closed():
    breaker = Breaker("test", failures=1, failure_rate=1, recovery=60)
    inside = threading.Barrier(4)

    def call():
        with breaker.guard():
            inside.wait(timeout=5)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert not inside.broken


def test_it_opens_after_consecutive_outages_and_passes_each_error_on():
    breaker = Breaker("test", failures=2, failure_rate=1, recovery=60)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen) as refused, breaker.guard():
        pytest.fail("an open breaker runs nothing")
    assert 59 < refused.value.retry_after <= 60


def test_a_success_between_outages_starts_the_count_again():
    breaker = Breaker("test", failures=2, failure_rate=1, recovery=60)
    fail(breaker, UpstreamUnavailable())
    with breaker.guard():
        pass
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"


@pytest.mark.parametrize("error", [UpstreamRejected(), ValueError()])
def test_what_says_nothing_of_the_backends_health_does_not_count(error):
    breaker = Breaker("test", failures=1, failure_rate=1, recovery=60)
    fail(breaker, error)
    assert breaker.state == "closed"


def test_one_probe_passes_when_half_open_and_its_success_closes(opened):
    with opened.guard():
        with pytest.raises(CircuitOpen) as refused, opened.guard():
            pytest.fail("a second probe passed")
        assert refused.value.retry_after == 0
    assert opened.state == "closed"
    with opened.guard(), opened.guard():
        pass


def test_a_failed_probe_opens_it_again(opened):
    fail(opened, UpstreamUnavailable())
    assert opened.state == "open"


def test_the_time_left_is_the_whole_where_the_opening_is_not_known():
    assert Breaker("test", failures=1, failure_rate=1, recovery=7)._time_left() == 7


def test_each_route_of_each_backend_has_its_own():
    breakers = Breakers(failures=1, failure_rate=1)
    fail(breakers.get("a", "chat", 60), UpstreamUnavailable())
    assert breakers.get("a", "chat", 60) is breakers.get("a", "chat", 60)
    breakers.get("a", "models", 60)
    breakers.get("b", "chat", 60)
    assert breakers.states("a") == {"chat": "open", "models": "closed"}


def test_a_backend_that_fails_every_other_call_opens_it_too():
    breaker = Breaker("test", failures=5, failure_rate=0.5, recovery=60)
    for _ in range(RATE_CALLS // 2):
        assert breaker.state == "closed"
        with breaker.guard():
            pass
        fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


def test_fewer_failures_than_the_rate_do_not(monkeypatch):
    breaker = Breaker("test", failures=5, failure_rate=0.5, recovery=60)
    for _ in range(RATE_CALLS):
        fail(breaker, UpstreamUnavailable())
        for _ in range(2):
            with breaker.guard():
                pass
    assert breaker.state == "closed"
