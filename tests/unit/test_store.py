"""The store: one client, one latch, no error and hardly a wait."""

import time
from contextlib import closing

import gevent
import pytest
from gevent.event import Event
from support.clock import fake_clock
from support.redis import Babbler

from app import redis_store as module
from app.context.deadline import REDIS_BUDGET_SECONDS, TimeBudget
from app.errors import UpstreamTimeout
from app.redis_store import COOLDOWN_FAILURES, COOLDOWN_SECONDS, RedisStore

SECOND = 1.0


@pytest.fixture
def clock(monkeypatch):
    return fake_clock(monkeypatch, module)


def ping(store):
    return store.execute(TimeBudget(SECOND), lambda pong: pong, ("PING",))


def test_without_redis_there_is_nothing_to_ask():
    store = RedisStore(None)
    assert not store.configured
    assert ping(store) is None


def test_commands_are_answered_in_one_go(redis):
    store = RedisStore(redis.url)
    assert store.configured
    commands = (("SET", "a", b"1", "PX", 5000), ("GET", "a"), ("GET", "b"))
    assert store.execute(TimeBudget(SECOND), lambda *results: results, *commands) == (True, b"1", None)


def test_what_is_asked_is_taken_from_the_allowance_and_nothing_is_asked_beyond_it(redis):
    allowance = TimeBudget(SECOND)
    store = RedisStore(redis.url)
    store.execute(allowance, bool, ("PING",))
    assert 0 < allowance.left < SECOND
    assert store.execute(TimeBudget(0), bool, ("PING",)) is None


@pytest.mark.parametrize(
    "rubbish", [b"HTTP/1.1 200 OK\r\n\r\n", b"*1\r\n$999999999\r\n", b"\xff\xfe\r\n", b":x\r\n", b"-ERR no\r\n"]
)
def test_rubbish_is_no_answer_and_no_error(rubbish):
    with closing(Babbler(rubbish)) as peer:
        assert ping(RedisStore(peer.url)) is None


def test_a_result_that_makes_no_sense_is_a_fault_of_redis_too(redis):
    store = RedisStore(redis.url)
    assert [store.execute(TimeBudget(SECOND), dict, ("PING",)) for _ in range(COOLDOWN_FAILURES)] == [
        None
    ] * COOLDOWN_FAILURES
    assert ping(store) is None  # it is left alone


def test_after_some_faults_in_a_row_redis_is_left_alone_then_one_request_tries_it(clock, monkeypatch):
    store = RedisStore("redis://127.0.0.1:1/0")
    asked = []

    def fail(*_arguments):
        asked.append(1)
        raise ConnectionError

    monkeypatch.setattr(store, "_run", fail)
    for _ in range(COOLDOWN_FAILURES + 5):
        assert ping(store) is None
    assert len(asked) == COOLDOWN_FAILURES
    clock.advance(COOLDOWN_SECONDS)
    for _ in range(5):
        assert ping(store) is None
    assert len(asked) == COOLDOWN_FAILURES + 1


def test_it_comes_back_once_redis_does(redis, clock, caplog):
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
    assert [record.getMessage()[:12] for record in caplog.records] == ["redis fails,", "redis answer"]


def test_one_fault_between_answers_does_not_shut_it_off(redis):
    store = RedisStore(redis.url)
    for _ in range(COOLDOWN_FAILURES + 1):
        assert store.execute(TimeBudget(SECOND), bool, ("NO SUCH COMMAND",)) is None
        assert ping(store) is True


def test_a_redis_that_hangs_costs_no_more_than_the_allowance(monkeypatch):
    unanswered = []
    store = RedisStore("redis://127.0.0.1:1/0", lambda: unanswered.append(1))
    monkeypatch.setattr(store, "_run", lambda *_: gevent.sleep(60))
    allowance = TimeBudget(REDIS_BUDGET_SECONDS)
    started = time.monotonic()
    assert store.execute(allowance, bool, ("PING",)) is None
    assert REDIS_BUDGET_SECONDS / 2 < time.monotonic() - started < 20 * REDIS_BUDGET_SECONDS
    assert not allowance.left
    assert store.execute(allowance, bool, ("PING",)) is None  # at once
    assert len(unanswered) == 2


def test_time_in_which_this_process_was_busy_is_not_taken_for_redis(monkeypatch):
    store = RedisStore("redis://127.0.0.1:1/0")
    answered = Event()

    def busy():
        time.sleep(4 * REDIS_BUDGET_SECONDS)  # as a computation does, it lets nobody else run
        answered.set()

    def wait(*_):
        gevent.spawn(busy)
        answered.wait()
        return [True]

    monkeypatch.setattr(store, "_run", wait)
    allowance = TimeBudget(REDIS_BUDGET_SECONDS)
    assert store.execute(allowance, bool, ("PING",)) is True
    assert allowance.left > REDIS_BUDGET_SECONDS / 2


def test_the_end_of_the_request_is_not_taken_for_a_fault_of_redis(monkeypatch):
    store = RedisStore("redis://127.0.0.1:1/0")

    def wait(*_arguments):
        gevent.sleep(60)

    monkeypatch.setattr(store, "_run", wait)
    with pytest.raises(UpstreamTimeout), gevent.Timeout(0.01, UpstreamTimeout()):
        ping(store)
    assert not store._faults
