"""One state of a breaker for all processes that share a Redis."""

import pytest
from support.breakers import LONG, check, fail, guard, make, succeed
from support.servers import until

from app.context.deadline import TimeBudget
from app.errors import CircuitOpen, UpstreamUnavailable
from app.redis_store import COOLDOWN_FAILURES, RedisStore
from app.upstream.resilience.circuit_breaker import LOOK_SECONDS
from app.upstream.resilience.shared_breaker import RedisBreakerState, SharedState


@pytest.fixture
def pair(redis, clock):
    """A maker of two breakers of two processes that share a Redis."""
    return lambda **options: [make(store=RedisStore(redis.url), **options) for _ in range(2)]


def opened(breakers):
    """Let the first of two open, and the other one learn of it."""
    here, there = breakers
    fail(here, UpstreamUnavailable())
    with pytest.raises(CircuitOpen):
        check(there)
    return here, there


def test_one_that_opens_is_open_for_all(pair):
    here, there = pair()
    fail(here, UpstreamUnavailable())
    with pytest.raises(CircuitOpen) as refused:
        check(there)
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
    here, there = opened(pair(recovery=0.2))
    until(lambda: not _is_refused(here, clock))
    with guard(here), pytest.raises(CircuitOpen):
        succeed(there)


def test_a_probe_that_another_process_took_in_this_moment_is_not_made_twice(pair, clock, redis):
    _here, there = opened(pair(recovery=LOOK_SECONDS / 2))
    clock[0] += LOOK_SECONDS * 0.7  # the probe is due, what was seen is not old yet
    redis.set(b"ai-huggingface:breaker:test:chat:wait", b"1")
    with pytest.raises(CircuitOpen) as refused:
        succeed(there)
    assert refused.value.retry_after == LOOK_SECONDS / 2


def test_the_probe_that_closes_one_closes_all(pair, clock):
    here, there = opened(pair(recovery=0.01))
    until(lambda: not _is_refused(here, clock))
    succeed(here)
    clock[0] += LONG
    check(there)
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
        check(breaker)
    except CircuitOpen:
        return True
    return False


def test_what_redis_never_knew_it_cannot_know_to_be_over(pair, redis, clock):
    here, _ = pair()
    redis.stop()
    try:
        fail(here, UpstreamUnavailable())
    finally:
        redis.start()
    clock[0] += LOOK_SECONDS
    with pytest.raises(CircuitOpen):
        check(here)


def test_what_was_found_while_the_others_were_asked_is_newer(clock):
    class Slow:
        """Says that all is well, after the process has found that it is not."""

        def read(self, _allowance):
            breaker._opening_known = True
            breaker._breaker.open()
            breaker._next_probe = clock[0] + LONG
            return SharedState(False, 0, 0)

    breaker = make()
    breaker._shared = Slow()
    with pytest.raises(CircuitOpen):
        check(breaker)


def test_a_breaker_that_opens_again_later_counts_from_the_start(pair, clock):
    here, there = pair(failures=2, recovery=0.01)
    for breaker in (here, there):
        fail(breaker, UpstreamUnavailable())
    until(lambda: not _is_refused(there, clock))
    succeed(there)
    fail(there, UpstreamUnavailable())
    assert there.state == "closed"


@pytest.mark.parametrize(
    "results", [(b"OK", b"OK", b"OK"), (5, 5, 5), (0, b"x", None), (0, -2, b"x"), ([], [], []), (0, -2, 7)]
)
def test_rubbish_is_nothing_that_was_seen(redis, monkeypatch, results):
    store = RedisStore(redis.url)
    monkeypatch.setattr(store, "_run", lambda *_: list(results))
    shared = RedisBreakerState(store, "x", 1)
    assert [shared.read(TimeBudget(1)) for _ in range(COOLDOWN_FAILURES + 1)] == [None] * (COOLDOWN_FAILURES + 1)


def test_a_closing_that_redis_was_not_told_is_told_before_it_is_believed_again(redis, clock):
    here, there = (make(store=RedisStore(redis.url), recovery=0.01) for _ in range(2))
    opened((here, there))
    until(lambda: not _is_refused(here, clock))
    with guard(here):
        redis.stop()  # the probe's end is not heard
    redis.start()
    until(lambda: _is_told(here, clock))
    assert (here.state, there.state) == ("closed", "open")
    clock[0] += LONG
    check(there)
    assert there.state == "closed"


def _is_told(breaker, clock):
    clock[0] += 1
    check(breaker)
    return not breaker._closing_untold


def test_a_wait_of_less_than_a_millisecond_is_not_over(redis, monkeypatch):
    store = RedisStore(redis.url)
    monkeypatch.setattr(store, "_run", lambda *_: [1, 0, None])
    assert RedisBreakerState(store, "test:chat", 1).read(TimeBudget(1)).wait == 0.001
