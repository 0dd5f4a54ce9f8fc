"""Concurrent requests with one Idempotency-Key."""

import gevent
import pytest
from gevent.event import Event

from app.cache.response_cache import ResponseCache
from app.clients.identity import ClientIdentity
from app.context.call_context import CallContext
from app.context.deadline import Deadline
from app.context.request_info import RequestInfo
from app.errors import IdempotencyKeyReused, UpstreamTimeout, UpstreamUnavailable
from app.inference.idempotency import IdempotencyStore
from app.redis_store import RedisStore

CLIENT = ClientIdentity.from_address("192.0.2.1")


@pytest.fixture
def store():
    return IdempotencyStore(ResponseCache(RedisStore(None), 60, 10**6))


def start(store, run, body, seconds=5):
    """Start a request with a deadline; return its greenlet and its context."""
    context = CallContext(RequestInfo("id"), Deadline(seconds), "generate")
    greenlet = gevent.spawn(store.run_once, "key", CLIENT, {"prompt": body}, context, run)
    gevent.sleep(0)
    return greenlet, context


@pytest.fixture
def blocked(store):
    """Return an operation that waits for the event, and its event."""
    may_finish = Event()

    def run():
        may_finish.wait(5)
        return {"id": "first"}

    return run, may_finish


def test_a_concurrent_request_with_the_same_body_gets_the_response_of_the_first(store, blocked):
    run, may_finish = blocked
    first, _ = start(store, run, "x")
    second, context = start(store, lambda: pytest.fail("the operation ran twice"), "x")
    may_finish.set()
    assert first.get() == second.get() == {"id": "first"}
    assert context.cache == "coalesced"


def test_a_deadline_ends_a_wait_and_leaves_the_run_and_its_reservation_alone(store, blocked):
    run, may_finish = blocked
    first, _ = start(store, run, "x", seconds=0.01)
    second, context = start(store, lambda: pytest.fail("the operation ran twice"), "x", seconds=0.01)
    second.join()
    assert isinstance(second.exception, UpstreamTimeout)
    assert context.total_tokens == 0
    may_finish.set()
    assert first.get() == {"id": "first"}


def test_a_concurrent_request_with_another_body_is_rejected_at_once(store, blocked):
    run, may_finish = blocked
    first, _ = start(store, run, "x")
    second, _ = start(store, lambda: {"id": "second"}, "y")
    assert isinstance(second.exception, IdempotencyKeyReused)
    assert not first.ready()
    may_finish.set()
    first.join()


def test_a_key_can_be_used_with_another_body_after_an_error(store):
    def fail():
        raise UpstreamUnavailable

    failed, _ = start(store, fail, "x")
    assert isinstance(failed.exception, UpstreamUnavailable)
    other, _ = start(store, lambda: {"id": "second"}, "y")
    assert other.get() == {"id": "second"}
