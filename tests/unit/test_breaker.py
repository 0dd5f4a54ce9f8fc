"""The breaker: parallel while closed, one probe each interval when half open, one state for all who share a Redis."""

import threading

import pytest
from support.servers import until

from app.backends import BACKENDS
from app.config import Config
from app.context import Allowance
from app.errors import CallerLeft, CircuitOpen, ImpatientTimeout, UpstreamRejected, UpstreamUnavailable
from app.services import breaker as module
from app.services.breaker import LOOK_SECONDS, RATE_CALLS, Breaker, Breakers
from app.services.sharing import SharedBreaker
from app.services.store import Store

LONG = 60


def make(failures=1, failure_rate=1, recovery=LONG, store=None):
    shared = SharedBreaker(store or Store(None), "test:chat", recovery)
    return Breaker("test:chat", failures, failure_rate, recovery, shared)


def guard(breaker):
    return breaker.guard(Allowance(1))


def fail(breaker, error):
    with pytest.raises(type(error)), guard(breaker):
        raise error


def succeed(breaker):
    with guard(breaker):
        pass


def end(call, error):
    """End a guarded call that began a while ago with an error, which goes on to its caller."""
    assert not call.__exit__(type(error), error, None)


@pytest.fixture
def clock(monkeypatch):
    """The breaker's clock, which stands still unless the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


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


@pytest.mark.parametrize("error", [UpstreamRejected(), ValueError(), CallerLeft(), ImpatientTimeout()])
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
        breaker.check(Allowance(1))
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


@pytest.mark.parametrize("error", [CallerLeft(), ImpatientTimeout(), ValueError()])
def test_a_probe_that_finds_nothing_out_lets_the_next_one_try_at_once(opened, error):
    fail(opened, error)
    assert opened.state == "half-open"
    succeed(opened)
    assert opened.state == "closed"


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
    here, there = (BACKENDS[name](config) for name in ("openai", "huggingface"))
    breakers = Breakers(failures=1, failure_rate=1, store=Store(None))
    fail(breakers.get(here, "chat"), UpstreamUnavailable())
    assert breakers.get(here, "chat") is breakers.get(here, "chat")
    breakers.get(here, "models")
    breakers.get(there, "chat")
    assert breakers.states("openai") == {"chat": "open", "models": "closed"}


def test_a_backend_that_fails_every_other_call_opens_it_too():
    breaker = make(failures=5, failure_rate=0.5)
    for _ in range(RATE_CALLS // 2):
        assert breaker.state == "closed"
        succeed(breaker)
        fail(breaker, UpstreamUnavailable())
    assert breaker.state == "open"


def test_fewer_failures_than_the_rate_do_not():
    breaker = make(failures=5, failure_rate=0.5)
    for _ in range(RATE_CALLS):
        fail(breaker, UpstreamUnavailable())
        for _ in range(2):
            succeed(breaker)
    assert breaker.state == "closed"


@pytest.fixture
def pair(redis, clock):
    """A maker of two breakers of two processes that share a Redis."""
    return lambda **options: [make(store=Store(redis.url), **options) for _ in range(2)]


def test_one_that_opens_is_open_for_all(pair):
    here, there = pair()
    fail(here, UpstreamUnavailable())
    with pytest.raises(CircuitOpen) as refused:
        there.check(Allowance(1))
    assert LONG - 1 < refused.value.retry_after <= LONG
    assert there.state == "open"


def test_outages_in_a_row_count_together(pair):
    here, there = pair(failures=2)
    fail(here, UpstreamUnavailable())
    fail(there, UpstreamUnavailable())
    assert (here.state, there.state) == ("closed", "open")


def test_a_success_anywhere_starts_the_common_count_again(pair, clock):
    here, there = pair(failures=2)
    fail(here, UpstreamUnavailable())
    succeed(there)
    fail(there, UpstreamUnavailable())
    assert there.state == "closed"


def test_there_is_one_probe_of_all_processes_each_interval(pair, clock):
    here, there = pair(recovery=0.2)
    fail(here, UpstreamUnavailable())
    with pytest.raises(CircuitOpen):
        there.check(Allowance(1))
    until(lambda: not _is_refused(here, clock))
    with guard(here), pytest.raises(CircuitOpen):
        succeed(there)


def test_a_probe_that_another_process_took_in_this_moment_is_not_made_twice(pair, clock, redis):
    here, there = pair(recovery=LOOK_SECONDS / 2)
    fail(here, UpstreamUnavailable())
    with pytest.raises(CircuitOpen):
        there.check(Allowance(1))
    clock[0] += LOOK_SECONDS * 0.7  # the probe is due, what was seen is not old yet
    redis.put(b"ai-huggingface:breaker:test:chat:wait", b"1")
    with pytest.raises(CircuitOpen) as refused:
        succeed(there)
    assert refused.value.retry_after == LOOK_SECONDS / 2


def test_the_probe_that_closes_one_closes_all(pair, clock):
    here, there = pair(recovery=0.01)
    fail(here, UpstreamUnavailable())
    with pytest.raises(CircuitOpen):
        there.check(Allowance(1))
    until(lambda: not _is_refused(here, clock))
    succeed(here)
    clock[0] += LONG
    there.check(Allowance(1))
    assert (here.state, there.state) == ("closed", "closed")


def test_where_redis_is_away_each_process_goes_by_what_it_knows(pair, redis):
    here, there = pair()
    redis.stop()
    try:
        fail(here, UpstreamUnavailable())
        succeed(there)
        assert (here.state, there.state) == ("open", "closed")
    finally:
        redis.start()


def _is_refused(breaker, clock):
    clock[0] += 1
    try:
        breaker.check(Allowance(1))
    except CircuitOpen:
        return True
    return False
