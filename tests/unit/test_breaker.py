"""The breaker: parallel while closed, one probe each interval when half open."""

import threading

import gevent
import pytest
from prometheus_client import CollectorRegistry
from support.breakers import LONG, check, fail, guard, make, succeed

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
    """End a guarded call that began a while ago with an error, which goes on to its caller."""
    assert not call.__exit__(type(error), error, None)


@pytest.fixture
def opened(clock):
    """A breaker that has opened and whose recovery time is over."""
    breaker = make()
    fail(breaker, UpstreamUnavailable())
    clock[0] += LONG
    return breaker


def test_calls_run_in_parallel_while_it_is_closed():
    breaker = make()
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


def test_it_opens_after_consecutive_outages_and_passes_each_error_on():
    breaker = make(failures=2)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen) as refused, guard(breaker):
        pytest.fail("an open breaker runs nothing")
    assert LONG - 1 < refused.value.retry_after <= LONG


def test_a_success_between_outages_starts_the_count_again():
    breaker = make(failures=2)
    fail(breaker, UpstreamUnavailable())
    succeed(breaker)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"


@pytest.mark.parametrize("error", [UpstreamRejected(), ValueError(), ClientDisconnected(), ShortDeadlineTimeout()])
def test_what_says_nothing_of_the_backends_health_does_not_count(error):
    breaker = make()
    fail(breaker, error)
    assert breaker.state == "closed"


def test_calls_that_began_before_it_opened_do_not_open_it_anew(clock):
    breaker = make()
    early = guard(breaker)
    early.__enter__()
    fail(breaker, UpstreamUnavailable())
    clock[0] += LONG / 2
    end(early, UpstreamUnavailable())
    with pytest.raises(CircuitOpen) as refused:
        check(breaker)
    assert refused.value.retry_after == LONG / 2


def test_one_probe_passes_when_half_open_and_its_success_closes(opened):
    with guard(opened):
        assert opened.state == "half-open"
        with pytest.raises(CircuitOpen) as refused, guard(opened):
            pytest.fail("a second probe passed")
        assert refused.value.retry_after == LONG
    assert opened.state == "closed"
    with guard(opened), guard(opened):
        pass


def test_a_failed_probe_opens_it_again(opened):
    fail(opened, UpstreamUnavailable())
    assert opened.state == "open"
    with pytest.raises(CircuitOpen):
        succeed(opened)


def test_a_probe_that_the_backend_refuses_for_its_input_has_reached_it(opened):
    fail(opened, UpstreamRejected())
    assert opened.state == "closed"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout(), ValueError(), gevent.GreenletExit()])
def test_a_probe_that_finds_nothing_out_leaves_it_to_the_next_interval(opened, clock, error):
    fail(opened, error)
    assert opened.state == "half-open"
    with pytest.raises(CircuitOpen):
        check(opened)
    clock[0] += LONG
    succeed(opened)
    assert opened.state == "closed"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout(), gevent.GreenletExit()])
def test_what_is_no_verdict_does_not_start_the_count_again(error):
    breaker = make(failures=2)
    fail(breaker, UpstreamUnavailable())
    fail(breaker, error)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout()])
def test_what_is_no_verdict_is_not_in_the_share_of_outages(error):
    breaker = make(failures=MIN_CALLS, failure_rate=0.9)
    for _ in range(MIN_CALLS - 2):
        fail(breaker, UpstreamUnavailable())
    for _ in range(MIN_CALLS):
        fail(breaker, error)
    succeed(breaker)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


def test_what_was_counted_before_it_opened_does_not_open_it_after_its_recovery(clock):
    breaker = make(failures=MIN_CALLS, failure_rate=0.5)
    for _ in range(MIN_CALLS):
        fail(breaker, UpstreamUnavailable())
    clock[0] += LONG
    succeed(breaker)
    fail(breaker, UpstreamUnavailable())
    assert breaker.state == "closed"


def test_a_probe_that_hangs_does_not_keep_the_next_intervals_probe_waiting(opened, clock):
    hanging = guard(opened)
    hanging.__enter__()
    clock[0] += LONG
    succeed(opened)
    assert opened.state == "closed"
    end(hanging, UpstreamUnavailable())  # the older probe knows no better
    assert opened.state == "closed"


def test_opening_and_closing_are_logged_and_probes_are_not(opened, clock, caplog):
    caplog.clear()
    fail(opened, UpstreamUnavailable())
    clock[0] += LONG
    succeed(opened)
    fail(opened, UpstreamUnavailable())
    said = ["the breaker of test:chat is closed", "the breaker of test:chat is open"]
    assert [record.getMessage() for record in caplog.records] == said


def test_each_route_of_each_backend_has_its_own():
    config = Config.from_env({"OPENAI_BASE_URL": "http://llm.test/v1", "BREAKER_RECOVERY": "1m"})
    here, there = (backend_class(name)(config) for name in ("openai", "huggingface"))
    breakers = CircuitBreakers(
        failures=1, failure_rate=1, store=RedisStore(None), metrics=UpstreamMetrics(CollectorRegistry())
    )
    fail(breakers.get(here, "chat"), UpstreamUnavailable())
    assert breakers.get(here, "chat") is breakers.get(here, "chat")
    breakers.get(here, "models")
    breakers.get(there, "chat")
    assert breakers.states("openai") == {"chat": "open", "models": "closed"}


def test_a_backend_that_fails_every_other_call_opens_it_too():
    breaker = make(failures=5, failure_rate=0.5)
    for _ in range(MIN_CALLS // 2):
        assert breaker.state == "closed"
        succeed(breaker)
        fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


def test_fewer_failures_than_the_rate_do_not():
    breaker = make(failures=5, failure_rate=0.5)
    for _ in range(MIN_CALLS):
        fail(breaker, UpstreamUnavailable())
        for _ in range(2):
            succeed(breaker)
    assert breaker.state == "closed"


def begin(breaker):
    with breaker.guard(TimeBudget(1), begins_only=True):
        pass


@pytest.mark.parametrize(("failures", "rate"), [(5, 1), (1000, 0.9)])
def test_streams_that_all_break_off_open_it_in_a_row_or_by_their_share(failures, rate):
    breaker = make(failures, rate)
    for _ in range(min(failures, 20)):
        assert breaker.state == "closed"
        begin(breaker)
        breaker.record_result(TimeBudget(1), UpstreamUnavailable())
    assert breaker.state == "open"


def test_a_stream_that_ends_well_starts_the_count_again():
    breaker = make(failures=2)
    for error in (UpstreamUnavailable(), None, UpstreamUnavailable()):
        begin(breaker)
        breaker.record_result(TimeBudget(1), error)
    assert breaker.state == "closed"


@pytest.mark.parametrize("error", [ClientDisconnected(), ShortDeadlineTimeout(), StreamDeadlineExceeded(), Draining()])
def test_ends_of_streams_that_say_nothing_of_the_backend_do_not_count(error):
    breaker = make(failures=2)
    for end in (UpstreamUnavailable(), error, UpstreamUnavailable()):
        begin(breaker)
        breaker.record_result(TimeBudget(1), end)
    assert breaker.state == "open"


def test_a_probe_that_is_a_stream_is_judged_by_its_beginning(opened):
    begin(opened)
    assert opened.state == "closed"
