"""The circuit breaker: parallel calls while closed, one probe in each recovery interval while open."""

import threading

import gevent
import pytest
from prometheus_client import CollectorRegistry
from support.breakers import RECOVERY_SECONDS, check, create_breaker, fail, guard, succeed

from app.backends import backend_class
from app.config import Config
from app.context.deadline import TimeBudget
from app.errors import (
    CircuitOpen,
    ClientDisconnected,
    Draining,
    ShortDeadlineTimeout,
    StreamDeadlineExceeded,
    UpstreamRejected,
    UpstreamUnavailable,
)
from app.observability.metrics.upstream import UpstreamMetrics
from app.redis_store import RedisStore
from app.upstream.resilience.circuit_breaker import MIN_CALLS, CircuitBreakers


def end(call, error):
    """End a guarded call that began earlier with an error, which must be raised further."""
    assert not call.__exit__(type(error), error, None)


@pytest.fixture
def recovered(clock):
    """A breaker that opened, and whose recovery interval is over."""
    breaker = create_breaker()
    fail(breaker, UpstreamUnavailable())
    clock[0] += RECOVERY_SECONDS
    return breaker


def test_calls_run_in_parallel_while_closed():
    breaker = create_breaker()
    inside = threading.Barrier(4)

    def call():
        with guard(breaker):
            inside.wait(timeout=5)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert not inside.broken


def test_consecutive_failures_open_it_and_each_error_is_raised_further():
    breaker = create_breaker(max_failures=2)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen) as caught, guard(breaker):
        pytest.fail("an open breaker let a call through")
    assert RECOVERY_SECONDS - 1 < caught.value.retry_after <= RECOVERY_SECONDS


def test_success_between_failures_resets_the_count():
    breaker = create_breaker(max_failures=2)
    fail(breaker, UpstreamUnavailable())
    succeed(breaker)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"


@pytest.mark.parametrize("error", [UpstreamRejected(), ValueError(), ClientDisconnected(), ShortDeadlineTimeout()])
def test_error_that_is_not_the_backends_fault_does_not_count(error):
    breaker = create_breaker()
    fail(breaker, error)
    assert breaker.state == "closed"


def test_failure_of_a_call_that_started_before_it_opened_does_not_open_it_again(clock):
    breaker = create_breaker()
    earlier_call = guard(breaker)
    earlier_call.__enter__()
    fail(breaker, UpstreamUnavailable())
    clock[0] += RECOVERY_SECONDS / 2
    end(earlier_call, UpstreamUnavailable())
    with pytest.raises(CircuitOpen) as caught:
        check(breaker)
    assert caught.value.retry_after == RECOVERY_SECONDS / 2


def test_checked_call_is_refused_if_the_breaker_opened_in_between():
    breaker = create_breaker()
    check(breaker)
    fail(breaker, UpstreamUnavailable())
    with pytest.raises(CircuitOpen), guard(breaker, checked=True):
        pytest.fail("an open breaker let a call through")


def test_one_probe_passes_while_half_open_and_its_success_closes_it(recovered):
    with guard(recovered):
        assert recovered.state == "half-open"
        with pytest.raises(CircuitOpen) as caught, guard(recovered):
            pytest.fail("a second probe passed")
        assert caught.value.retry_after == RECOVERY_SECONDS
    assert recovered.state == "closed"
    with guard(recovered), guard(recovered):
        pass


def test_of_two_checked_calls_only_one_becomes_the_probe(recovered):
    check(recovered)
    check(recovered)
    with guard(recovered, checked=True), pytest.raises(CircuitOpen), guard(recovered, checked=True):
        pytest.fail("a second probe passed")


def test_failed_probe_opens_it_again(recovered):
    fail(recovered, UpstreamUnavailable())
    assert recovered.state == "open"
    with pytest.raises(CircuitOpen):
        succeed(recovered)


def test_probe_that_the_backend_rejects_closes_it(recovered):
    fail(recovered, UpstreamRejected())
    assert recovered.state == "closed"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout(), ValueError(), gevent.GreenletExit()])
def test_inconclusive_probe_leaves_the_decision_to_the_next_interval(recovered, clock, error):
    fail(recovered, error)
    assert recovered.state == "half-open"
    with pytest.raises(CircuitOpen):
        check(recovered)
    clock[0] += RECOVERY_SECONDS
    succeed(recovered)
    assert recovered.state == "closed"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout(), gevent.GreenletExit()])
def test_inconclusive_outcome_does_not_reset_the_count(error):
    breaker = create_breaker(max_failures=2)
    fail(breaker, UpstreamUnavailable())
    fail(breaker, error)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout()])
def test_inconclusive_outcome_is_not_part_of_the_failure_rate(error):
    breaker = create_breaker(max_failures=MIN_CALLS, failure_rate=0.9)
    for _ in range(MIN_CALLS - 2):
        fail(breaker, UpstreamUnavailable())
    for _ in range(MIN_CALLS):
        fail(breaker, error)
    succeed(breaker)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


def test_failures_before_it_opened_do_not_open_it_after_its_recovery(clock):
    breaker = create_breaker(max_failures=MIN_CALLS, failure_rate=0.5)
    for _ in range(MIN_CALLS):
        fail(breaker, UpstreamUnavailable())
    clock[0] += RECOVERY_SECONDS
    succeed(breaker)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"


def test_probe_that_hangs_does_not_block_the_probe_of_the_next_interval(recovered, clock):
    hanging = guard(recovered)
    hanging.__enter__()
    clock[0] += RECOVERY_SECONDS
    succeed(recovered)
    assert recovered.state == "closed"
    end(hanging, UpstreamUnavailable())  # its outcome is older than that of the second probe
    assert recovered.state == "closed"


def test_opening_and_closing_are_logged_and_probes_are_not(recovered, clock, caplog):
    caplog.clear()
    fail(recovered, UpstreamUnavailable())
    clock[0] += RECOVERY_SECONDS
    succeed(recovered)
    fail(recovered, UpstreamUnavailable())
    assert [record.getMessage() for record in caplog.records] == [
        "the circuit breaker of test:chat is closed",
        "the circuit breaker of test:chat is open",
    ]


def test_each_route_of_each_backend_has_its_own_breaker():
    config = Config.from_env({"OPENAI_BASE_URL": "http://llm.test/v1", "BREAKER_RECOVERY": "1m"})
    openai, huggingface = (backend_class(name)(config) for name in ("openai", "huggingface"))
    breakers = CircuitBreakers(
        max_failures=1, failure_rate=1, store=RedisStore(None), metrics=UpstreamMetrics(CollectorRegistry())
    )
    fail(breakers.get(openai, "chat"), UpstreamUnavailable())
    assert breakers.get(openai, "chat") is breakers.get(openai, "chat")
    breakers.get(openai, "models")
    breakers.get(huggingface, "chat")
    assert breakers.states("openai") == {"chat": "open", "models": "closed"}


def test_backend_that_fails_every_other_call_opens_it():
    breaker = create_breaker(max_failures=5, failure_rate=0.5)
    for _ in range(MIN_CALLS // 2):
        assert breaker.state == "closed"
        succeed(breaker)
        fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


def test_fewer_failures_than_the_rate_leave_it_closed():
    breaker = create_breaker(max_failures=5, failure_rate=0.5)
    for _ in range(MIN_CALLS):
        fail(breaker, UpstreamUnavailable())
        for _ in range(2):
            succeed(breaker)
    assert breaker.state == "closed"


def start_stream(breaker):
    with guard(breaker, stream=True):
        pass


@pytest.mark.parametrize(("max_failures", "rate"), [(5, 1), (1000, 0.9)])
def test_streams_that_all_break_off_open_it_by_count_or_by_rate(max_failures, rate):
    breaker = create_breaker(max_failures, rate)
    for _ in range(min(max_failures, 20)):
        assert breaker.state == "closed"
        start_stream(breaker)
        breaker.record_result(TimeBudget(1), UpstreamUnavailable())
    assert breaker.state == "open"


def test_stream_that_completes_resets_the_count():
    breaker = create_breaker(max_failures=2)
    for error in (UpstreamUnavailable(), None, UpstreamUnavailable()):
        start_stream(breaker)
        breaker.record_result(TimeBudget(1), error)
    assert breaker.state == "closed"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout(), StreamDeadlineExceeded(), Draining()])
def test_inconclusive_end_of_a_stream_does_not_count(error):
    breaker = create_breaker(max_failures=2)
    for end in (UpstreamUnavailable(), error, UpstreamUnavailable()):
        start_stream(breaker)
        breaker.record_result(TimeBudget(1), end)
    assert breaker.state == "open"


def test_start_of_a_stream_decides_if_the_stream_is_a_probe(recovered):
    start_stream(recovered)
    assert recovered.state == "closed"


def fail_as(breaker, client, times=1):
    for _ in range(times):
        with pytest.raises(UpstreamUnavailable), breaker.guard(TimeBudget(1), client):
            raise UpstreamUnavailable


def is_refused(breaker, client):
    try:
        with breaker.guard(TimeBudget(1), client):
            return False
    except CircuitOpen:
        return True


def test_failures_of_one_client_open_it_for_that_client_only():
    breaker = create_breaker(max_failures=3)
    fail_as(breaker, "a", 3)
    assert breaker.state == "open"
    assert [is_refused(breaker, client) for client in "abc"] == [True, False, False]


def test_one_client_has_a_limited_share_of_the_failures_that_open_it_for_all():
    breaker = create_breaker(max_failures=5)
    fail_as(breaker, "b", 2)
    fail_as(breaker, "a", 3)
    assert [is_refused(breaker, client) for client in "ab"] == [True, False]


def test_failures_of_several_clients_open_it_for_all():
    breaker = create_breaker(max_failures=3)
    for client in "aba":
        fail_as(breaker, client)
    assert not is_refused(breaker, "c")
    breaker = create_breaker(max_failures=2)
    for client in "ab":
        fail_as(breaker, client)
    assert is_refused(breaker, "c")


def test_further_failures_of_others_open_it_for_all():
    breaker = create_breaker(max_failures=2)
    fail_as(breaker, "a", 2)
    fail_as(breaker, "b")
    assert not is_refused(breaker, "c")  # whose success begins the count again
    fail_as(breaker, "b", 2)
    assert is_refused(breaker, "c")


def test_end_of_the_refused_clients_earlier_call_changes_nothing():
    breaker = create_breaker(max_failures=2)
    fail_as(breaker, "a", 2)
    breaker.record_result(TimeBudget(1), UpstreamUnavailable(), client="a")
    breaker.record_result(TimeBudget(1), UpstreamUnavailable(), client="a")
    assert not is_refused(breaker, "b")


def test_probe_of_the_refused_client_closes_it(clock):
    breaker = create_breaker(max_failures=1)
    fail_as(breaker, "a")
    clock[0] += RECOVERY_SECONDS
    assert not is_refused(breaker, "a")
    assert breaker.state == "closed"
