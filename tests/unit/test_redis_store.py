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
from app.redis_store import COOLDOWN_FAILURES, COOLDOWN_SECONDS, MAX_LOGGED_REFUSALS, RedisStore

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


REFUSED = {
    "command": (bool, ("NO SUCH COMMAND", "text of a client")),
    "type": (bool, ("INCR", "list")),
    "script": (bool, ("EVAL", "return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, "a", "0.5")),
    "argument": (bool, ("SET", "a", None)),
    "reply": (dict, ("PING",)),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_refused_command_is_counted_and_logged_once_and_stops_no_other_command(redis, caplog, refused):
    errors = []
    store = RedisStore(redis.url, lambda: errors.append(1))
    store.execute(TimeBudget(SECOND), bool, ("RPUSH", "list", "x"))
    for _ in range(COOLDOWN_FAILURES):
        assert store.execute(TimeBudget(SECOND), *refused) is None
    assert ping(store) is True
    assert len(errors) == COOLDOWN_FAILURES
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"Redis did not carry out {refused[1][0]}, limits may be open: ")
    assert "text of a client" not in line


def test_a_command_that_a_cluster_refuses_is_named_in_the_log(redis_cluster, caplog):
    store = RedisStore(redis_cluster.url)
    assert store.execute(TimeBudget(SECOND), bool, ("DEL", "a", "b")) is None
    [line] = [record.getMessage() for record in caplog.records]
    assert line == "Redis did not carry out DEL, limits may be open: Keys in request don't hash to the same slot"


def test_the_number_of_logged_refusals_is_bounded(redis, caplog):
    store = RedisStore(redis.url)
    for number in range(MAX_LOGGED_REFUSALS + 1):
        store.execute(TimeBudget(SECOND), bool, (f"NO{number}",))
    assert len(caplog.records) == MAX_LOGGED_REFUSALS


@pytest.mark.parametrize(
    ("head", "endless"), [(b"*1000000000\r\n", b":1\r\n" * 10_000), (b"+", b"x" * 65536), (b"", b"*1\r\n" * 100)]
)
def test_a_reply_without_end_costs_about_the_budget_and_lets_other_greenlets_run(head, endless):
    ran = []
    with closing(FixedReplyServer(head, endless=endless)) as server:
        store = RedisStore(server.url)
        others = gevent.spawn(lambda: [(ran.append(1), gevent.sleep(0)) for _ in range(3)])
        started = time.monotonic()
        assert store.execute(TimeBudget(REDIS_BUDGET_SECONDS), bool, ("PING",)) is None
        assert time.monotonic() - started < 20 * REDIS_BUDGET_SECONDS
        others.join()
    assert len(ran) == 3


def test_a_reply_above_the_limit_is_an_error(redis, monkeypatch):
    monkeypatch.setattr(module, "MAX_REPLY_BYTES", 200_000)
    store = RedisStore(redis.url)
    for size, expected in ((190_000, True), (210_000, None), (190_000, True)):
        store.execute(TimeBudget(SECOND), bool, ("SET", "a", b"x" * size))
        assert store.execute(TimeBudget(SECOND), lambda value, size=size: len(value) == size, ("GET", "a")) is expected


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
