"""One breaker state for all processes that share a Redis."""

import pytest
from redis import Redis
from support.breakers import RECOVERY_SECONDS, check, create_breaker, fail, guard, succeed
from support.servers import until

from app.context.deadline import TimeBudget
from app.errors import CircuitOpen, UpstreamUnavailable
from app.redis_store import COOLDOWN_FAILURES, RedisStore
from app.upstream.resilience.circuit_breaker import REFRESH_SECONDS
from app.upstream.resilience.shared_breaker import PREFIX, RedisBreakerState, SharedState


@pytest.fixture
def create_pair(redis, clock):
    """A factory of the breakers of two processes that share a Redis."""
    return lambda **options: [create_breaker(store=RedisStore(redis.url), **options) for _ in range(2)]


def opened(breakers):
    """Open the first of two breakers, and let the second read that from Redis."""
    local, other = breakers
    fail(local, UpstreamUnavailable())
    with pytest.raises(CircuitOpen):
        check(other)
    return local, other


def is_refused(breaker, clock):
    """Return whether the breaker refuses a call after its next refresh."""
    clock[0] += 1
    try:
        check(breaker)
    except CircuitOpen:
        return True
    return False


def test_breaker_that_opens_is_open_in_all_processes(create_pair):
    local, other = create_pair()
    fail(local, UpstreamUnavailable())
    with pytest.raises(CircuitOpen) as caught:
        check(other)
    assert RECOVERY_SECONDS - 1 < caught.value.retry_after <= RECOVERY_SECONDS
    assert other.state == "open"


def test_consecutive_failures_of_all_processes_count_together(create_pair):
    local, other = create_pair(max_failures=2)
    fail(local, UpstreamUnavailable())
    fail(other, UpstreamUnavailable())
    assert (local.state, other.state) == ("closed", "open")


def test_success_in_any_process_resets_the_shared_count(create_pair, clock):
    local, other = create_pair(max_failures=2)
    fail(local, UpstreamUnavailable())
    succeed(other)
    fail(other, UpstreamUnavailable())
    assert other.state == "closed"


def test_all_processes_together_send_one_probe_in_each_interval(create_pair, clock):
    local, other = opened(create_pair(recovery=0.2))
    until(lambda: not is_refused(local, clock))
    with guard(local), pytest.raises(CircuitOpen):
        succeed(other)


def test_probe_that_another_process_has_just_started_is_not_sent_twice(create_pair, clock, redis):
    _, other = opened(create_pair(recovery=REFRESH_SECONDS / 2))
    clock[0] += REFRESH_SECONDS * 0.7  # the probe is due, but the state is not read again yet
    redis.set(f"{PREFIX}test:chat:wait".encode(), b"1")
    with pytest.raises(CircuitOpen) as caught:
        succeed(other)
    assert caught.value.retry_after == REFRESH_SECONDS / 2


def test_probe_that_closes_one_breaker_closes_all(create_pair, clock):
    local, other = opened(create_pair(recovery=0.01))
    until(lambda: not is_refused(local, clock))
    succeed(local)
    clock[0] += RECOVERY_SECONDS
    check(other)
    assert (local.state, other.state) == ("closed", "closed")


def test_without_redis_each_process_relies_on_its_own_state(create_pair, redis):
    local, other = create_pair()
    redis.stop()
    try:
        fail(local, UpstreamUnavailable())
        succeed(other)
        assert (local.state, other.state) == ("open", "closed")
    finally:
        redis.start()


def test_open_state_that_redis_never_stored_stays_open(create_pair, redis, clock):
    local, _ = create_pair()
    redis.stop()
    try:
        fail(local, UpstreamUnavailable())
    finally:
        redis.start()
    clock[0] += REFRESH_SECONDS
    with pytest.raises(CircuitOpen):
        check(local)


def test_state_that_changed_while_redis_was_read_takes_precedence(clock):
    class Outdated(RedisBreakerState):
        """Reports the closed state after the process has opened its breaker and published that."""

        def __init__(self):
            super().__init__(RedisStore(None), "test:chat", RECOVERY_SECONDS)

        def read(self, budget):
            breaker.record_result(budget, UpstreamUnavailable())
            assert breaker.state == "open"
            return SharedState(is_open=False, wait=0, failures=0)

        def count_failure(self, budget):
            return 1

        def publish_open(self, budget):
            return True

    breaker = create_breaker(shared=Outdated())
    with pytest.raises(CircuitOpen):
        check(breaker)


def test_queued_call_is_refused_if_another_process_opened_the_breaker(create_pair, clock):
    local, other = create_pair()
    check(local)
    fail(other, UpstreamUnavailable())
    clock[0] += REFRESH_SECONDS
    with pytest.raises(CircuitOpen), guard(local, checked=False):
        pytest.fail("an open breaker let a call through")


def test_breaker_that_opens_again_later_counts_from_zero(create_pair, clock):
    local, other = create_pair(max_failures=2, recovery=0.01)
    for breaker in (local, other):
        fail(breaker, UpstreamUnavailable())
    until(lambda: not is_refused(other, clock))
    succeed(other)
    fail(other, UpstreamUnavailable())
    assert other.state == "closed"


@pytest.mark.parametrize(
    "replies", [(b"OK", b"OK", b"OK"), (5, 5, 5), (0, b"x", None), (0, -2, b"x"), ([], [], []), (0, -2, 7)]
)
def test_unexpected_replies_are_no_state(redis, monkeypatch, replies):
    monkeypatch.setattr("redis.client.Pipeline.execute", lambda _pipeline: list(replies))
    shared = RedisBreakerState(RedisStore(redis.url), "x", 1)
    assert [shared.read(TimeBudget(1)) for _ in range(COOLDOWN_FAILURES + 1)] == [None] * (COOLDOWN_FAILURES + 1)


def test_closing_that_redis_missed_is_published_before_the_shared_state_is_read_again(redis, clock):
    local, other = opened(create_breaker(store=RedisStore(redis.url), recovery=0.01) for _ in range(2))
    open_key = f"{PREFIX}test:chat:open"
    until(lambda: not is_refused(local, clock))
    with Redis.from_url(redis.url) as client, guard(local):
        state = client.get(open_key)
        redis.stop()  # the outcome of the probe cannot be published
    redis.start()
    redis.set(open_key.encode(), state)
    until(lambda: not is_refused(local, clock) and not is_stored(redis, open_key))
    assert (local.state, other.state) == ("closed", "open")
    clock[0] += RECOVERY_SECONDS
    check(other)
    assert other.state == "closed"


def is_stored(redis, key):
    with Redis.from_url(redis.url) as client:
        return bool(client.exists(key))


def test_wait_below_one_millisecond_is_not_over(redis, monkeypatch):
    monkeypatch.setattr("redis.client.Pipeline.execute", lambda _pipeline: [1, 0, None])
    assert RedisBreakerState(RedisStore(redis.url), "test:chat", 1).read(TimeBudget(1)).wait == 0.001


def test_breaker_that_one_client_opened_refuses_that_client_in_all_processes(create_pair):
    local, other = create_pair()
    with pytest.raises(UpstreamUnavailable), local.guard(TimeBudget(1), "a"):
        raise UpstreamUnavailable
    with pytest.raises(CircuitOpen):
        other.check(TimeBudget(1), "a")
    other.check(TimeBudget(1), "b")
    assert other.state == "open"
