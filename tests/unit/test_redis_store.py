"""The Redis client: it raises no errors, waits within its budget, and stops trying while Redis fails."""

import time
from contextlib import closing

import gevent
import pytest
from gevent.event import Event
from redis.client import Pipeline
from support.clock import fake_clock
from support.redis import FixedReplyServer

from app import redis_store as module
from app.context.deadline import REDIS_BUDGET_SECONDS, TimeBudget
from app.errors import UpstreamTimeout
from app.redis_store import COOLDOWN_FAILURES, COOLDOWN_SECONDS, RedisStore

SECOND = 1.0
UNREACHABLE = "redis://127.0.0.1:1/0"


@pytest.fixture
def clock(monkeypatch):
    return fake_clock(monkeypatch, module)


@pytest.fixture
def store_that_runs(monkeypatch):
    """Return a function that makes a store whose round trips to Redis are the given function."""

    def make(round_trip, on_error=lambda: None):
        monkeypatch.setattr(Pipeline, "execute", lambda _pipeline: round_trip())
        return RedisStore(UNREACHABLE, on_error)

    return make


def ping(store):
    return store.execute(TimeBudget(SECOND), lambda pong: pong, ("PING",))


def test_without_a_url_no_command_runs():
    store = RedisStore(None)
    assert not store.configured
    assert ping(store) is None


def test_several_commands_take_one_round_trip(redis):
    store = RedisStore(redis.url)
    assert store.configured
    commands = (("SET", "a", b"1", "PX", 5000), ("GET", "a"), ("GET", "b"))
    assert store.execute(TimeBudget(SECOND), lambda *results: results, *commands) == (True, b"1", None)


def test_a_command_is_charged_to_the_budget_and_skipped_without_one(redis):
    budget = TimeBudget(SECOND)
    store = RedisStore(redis.url)
    store.execute(budget, bool, ("PING",))
    assert 0 < budget.left < SECOND
    assert store.execute(TimeBudget(0), bool, ("PING",)) is None


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 200 OK\r\n\r\n", b"*1\r\n$999999999\r\n", b"\xff\xfe\r\n", b":x\r\n", b"-ERR no\r\n"]
)
def test_an_invalid_reply_counts_as_no_reply(reply):
    with closing(FixedReplyServer(reply)) as server:
        assert ping(RedisStore(server.url)) is None


def test_a_result_that_cannot_be_parsed_counts_as_an_error(redis):
    store = RedisStore(redis.url)
    for _ in range(COOLDOWN_FAILURES):
        assert store.execute(TimeBudget(SECOND), dict, ("PING",)) is None
    assert store.failing
    assert ping(store) is None


def test_after_repeated_errors_one_request_tries_redis_in_each_cooldown(clock, store_that_runs):
    attempts = []

    def fail():
        attempts.append(1)
        raise ConnectionError

    store = store_that_runs(fail)
    for _ in range(COOLDOWN_FAILURES + 5):
        assert ping(store) is None
    assert len(attempts) == COOLDOWN_FAILURES
    clock.advance(COOLDOWN_SECONDS)
    for _ in range(5):
        assert ping(store) is None
    assert len(attempts) == COOLDOWN_FAILURES + 1


def test_redis_is_used_again_after_it_recovers(redis, clock, caplog):
    store = RedisStore(redis.url)
    assert ping(store) is True
    redis.stop()
    try:
        assert [ping(store) for _ in range(COOLDOWN_FAILURES)] == [None] * COOLDOWN_FAILURES
    finally:
        redis.start()
    assert ping(store) is None
    clock.advance(COOLDOWN_SECONDS)
    assert [ping(store) for _ in range(2)] == [True] * 2
    assert [record.getMessage() for record in caplog.records] == [
        "Redis failed 3 times in a row, running without it: ConnectionError",
        "Redis answers again",
    ]


def test_single_errors_between_replies_start_no_cooldown(redis):
    store = RedisStore(redis.url)
    for _ in range(COOLDOWN_FAILURES + 1):
        assert store.execute(TimeBudget(SECOND), bool, ("NO SUCH COMMAND",)) is None
        assert ping(store) is True


def test_a_redis_that_hangs_costs_no_more_than_the_budget(store_that_runs):
    errors = []
    store = store_that_runs(lambda: gevent.sleep(60), lambda: errors.append(1))
    budget = TimeBudget(REDIS_BUDGET_SECONDS)
    started = time.monotonic()
    assert store.execute(budget, bool, ("PING",)) is None
    assert REDIS_BUDGET_SECONDS / 2 < time.monotonic() - started < 20 * REDIS_BUDGET_SECONDS
    assert not budget.left
    assert store.execute(budget, bool, ("PING",)) is None  # at once
    assert len(errors) == 2


def test_time_in_which_the_event_loop_is_blocked_is_not_charged_to_the_budget(store_that_runs):
    replied = Event()

    def block():
        time.sleep(4 * REDIS_BUDGET_SECONDS)  # as a computation does, it blocks the event loop
        replied.set()

    def round_trip():
        gevent.spawn(block)
        replied.wait()
        return [True]

    store = store_that_runs(round_trip)
    budget = TimeBudget(REDIS_BUDGET_SECONDS)
    assert store.execute(budget, bool, ("PING",)) is True
    assert budget.left > REDIS_BUDGET_SECONDS / 2


def test_the_deadline_of_the_request_is_raised_and_does_not_count_as_an_error(store_that_runs):
    errors = []
    store = store_that_runs(lambda: gevent.sleep(60), lambda: errors.append(1))
    for _ in range(COOLDOWN_FAILURES):
        with pytest.raises(UpstreamTimeout), gevent.Timeout(0.01, UpstreamTimeout()):
            ping(store)
    assert not errors
    assert not store.failing
