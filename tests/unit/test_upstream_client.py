"""The upstream client: the order of breaker and bulkhead, and the time that an attempt has."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from prometheus_client import CollectorRegistry
from support.breakers import fail

from app.backends import backend_class
from app.backends.base import UpstreamRequest
from app.config import Config
from app.context.call_context import CallContext
from app.context.deadline import Deadline, TimeBudget
from app.context.request_info import RequestInfo
from app.errors import CircuitOpen, ShortDeadlineTimeout, UpstreamTimeout, UpstreamUnavailable
from app.observability.metrics.upstream import UpstreamMetrics
from app.redis_store import RedisStore
from app.upstream.client import UpstreamClient
from app.upstream.redaction import Redactor
from app.upstream.resilience import bulkhead
from app.upstream.resilience.bulkhead import Bulkheads
from app.upstream.resilience.circuit_breaker import REFRESH_SECONDS, CircuitBreakers
from app.upstream.resilience.hedging import Hedging
from app.upstream.resilience.policies import Resilience
from app.upstream.resilience.retry import RetryPolicy
from app.upstream.resilience.shared_breaker import RedisBreakerState
from app.upstream.stream import StreamLimits
from app.upstream.transport.buffered_response import BufferedResponse

LONG = 20.0
BACKEND = backend_class("openai")(Config.from_env({"OPENAI_BASE_URL": "http://llm.test/v1"}))
CALL = UpstreamRequest("openai", "chat", "http://llm.test/v1", parse=lambda response: response.body)


class FakeSession:
    """A session whose responses wait until `respond` is set."""

    def __init__(self):
        self.timeouts = []
        self.arrived = threading.Semaphore(0)
        self.respond = threading.Event()

    def call(self, _url, _headers, _content, timeout):
        self.timeouts.append(timeout)
        self.arrived.release()
        assert self.respond.wait(LONG)
        response = requests.Response()
        response.raw = BufferedResponse(200, "OK", {}, b"ok")
        response.status_code = 200
        return response


class CountingDeadline(Deadline):
    """A deadline that counts how often it is read."""

    reads = 0

    def remaining(self):
        self.reads += 1
        return super().remaining()


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def store():
    return RedisStore(None)


@pytest.fixture
def breaker_and_client(session, store):
    """The breaker of the route, and a client that makes one call at a time."""
    metrics = UpstreamMetrics(CollectorRegistry())
    breakers = CircuitBreakers(1, 1.0, store, metrics)
    resilience = Resilience(breakers, Bulkheads(1, metrics), RetryPolicy(0), Hedging(None))
    client = UpstreamClient(session, resilience, Redactor((), ()), StreamLimits(LONG, LONG))
    return breakers.get(BACKEND, "chat"), client


@pytest.fixture
def queued(monkeypatch):
    """A semaphore that is released whenever a call starts to wait for a permit."""
    waits = threading.Semaphore(0)

    class Condition(threading.Condition):
        def wait_for(self, *arguments):
            waits.release()
            return super().wait_for(*arguments)

    monkeypatch.setattr(bulkhead.threading, "Condition", Condition)
    monkeypatch.setattr(bulkhead, "MAX_QUEUE_SECONDS", LONG)
    return waits


def context(deadline=None):
    return CallContext(RequestInfo("id"), deadline or Deadline(LONG), "chat")


def send(client, deadline=None):
    return client.send(CALL, BACKEND, context(deadline))[0]


def test_call_that_the_breaker_refuses_does_not_queue(queued, session, breaker_and_client):
    breaker, client = breaker_and_client
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(send, client)
        assert session.arrived.acquire(timeout=LONG)
        fail(breaker, UpstreamUnavailable())
        with pytest.raises(CircuitOpen):
            send(client)
        assert not queued.acquire(blocking=False)
        session.respond.set()
        assert running.result() == b"ok"


def test_queued_call_is_refused_if_the_breaker_opens_meanwhile(queued, session, breaker_and_client):
    breaker, client = breaker_and_client
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(send, client)
        assert session.arrived.acquire(timeout=LONG)
        waiting = pool.submit(send, client)
        assert queued.acquire(timeout=LONG)
        fail(breaker, UpstreamUnavailable())
        session.respond.set()
        assert running.result() == b"ok"
        with pytest.raises(CircuitOpen):
            waiting.result()
    assert len(session.timeouts) == 1


class TestWithRedis:
    @pytest.fixture
    def store(self, redis):
        return RedisStore(redis.url)

    def test_queued_call_is_refused_if_another_process_opens_the_breaker_meanwhile(
        self, queued, session, breaker_and_client, redis
    ):
        client = breaker_and_client[1]
        with ThreadPoolExecutor(2) as pool:
            running = pool.submit(send, client)
            assert session.arrived.acquire(timeout=LONG)
            waiting = pool.submit(send, client)
            assert queued.acquire(timeout=LONG)
            assert RedisBreakerState(RedisStore(redis.url), "openai:chat", LONG).publish_open(TimeBudget(1))
            threading.Event().wait(1.5 * REFRESH_SECONDS)
            session.respond.set()
            assert running.result() == b"ok"
            with pytest.raises(CircuitOpen):
                waiting.result()


def test_attempt_reads_its_deadline_once(session, breaker_and_client):
    session.respond.set()
    deadline = CountingDeadline(3.0)
    assert send(breaker_and_client[1], deadline) == b"ok"
    assert deadline.reads == 1
    [(connect, read)] = session.timeouts
    assert 2.0 < connect == read <= 3.0


def test_time_in_the_queue_is_taken_from_the_attempt(queued, session, breaker_and_client):
    client = breaker_and_client[1]
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(send, client)
        assert session.arrived.acquire(timeout=LONG)
        waiting = pool.submit(send, client, Deadline(3.0))
        assert queued.acquire(timeout=LONG)
        threading.Event().wait(0.1)  # the time that the call queues
        session.respond.set()
        assert (running.result(), waiting.result()) == (b"ok", b"ok")
    assert session.timeouts[1][1] <= 2.9


@pytest.mark.parametrize("reason", [UpstreamTimeout, requests.ReadTimeout], ids=["of the deadline", "of the socket"])
@pytest.mark.parametrize(("seconds", "error"), [(0.5, ShortDeadlineTimeout), (3.0, UpstreamTimeout)])
def test_timeout_of_an_attempt_with_little_time_is_not_the_backends_fault(
    session, breaker_and_client, seconds, error, reason
):
    def time_out(_response):
        raise reason

    session.respond.set()
    call = UpstreamRequest("openai", "chat", "http://llm.test/v1", parse=time_out)
    with pytest.raises(UpstreamTimeout) as caught:
        breaker_and_client[1].send(call, BACKEND, context(Deadline(seconds)))
    assert type(caught.value) is error
