"""Calls of several texts: joined, bounded, and each with its own outcome."""

from dataclasses import dataclass, field

import gevent
import pytest

from app.backends.base import UpstreamRequest, UpstreamResponse
from app.backends.join import Join, split_list
from app.config import Config
from app.context.batch import Batch
from app.context.call_context import CallContext
from app.context.deadline import Deadline
from app.context.request_info import RequestInfo
from app.errors import ClientDisconnected, UpstreamTimeout
from app.inference.joining_client import JoiningClient
from app.inference.model_router import ModelRouter


@dataclass
class Upstream:
    """Responds to each call after `release` with its inputs; `running` calls at a time at most."""

    release: gevent.event.Event = field(default_factory=gevent.event.Event)
    calls: list = field(default_factory=list)
    most: int = 0

    def send(self, call, _backend, _context):
        self.calls.append(call.body)
        self.most = max(self.most, len(self.calls))
        self.release.wait()
        response = UpstreamResponse(200, {}, call.content)
        return call.parse(response.with_payload(call.body["inputs"])), response


@pytest.fixture
def backend():
    return next(iter(ModelRouter(Config(embedded_port=9)).backends.values()))


def context(batch):
    return CallContext(RequestInfo("id"), Deadline(5), "sentiment", batch=batch)


def call(text, *, join=True):
    found = Join("inputs", split_list, max_calls=3) if join else None
    return UpstreamRequest("x", "r", "http://x/r", lambda response: response.body, {"inputs": text}, join=found)


def spawn(client, backend, *texts, join=True):
    batch = Batch()
    return [gevent.spawn(client.send, call(text, join=join), backend, context(batch)) for text in texts]


def test_calls_that_cannot_be_joined_are_sent_a_few_at_a_time(backend):
    upstream = Upstream()
    running = spawn(JoiningClient(upstream, 2), backend, "a", "b", "c", "d", join=False)
    gevent.idle()
    assert len(upstream.calls) == 2
    upstream.release.set()
    gevent.joinall(running, raise_error=True)
    assert len(upstream.calls) == 4


def test_a_backend_may_allow_fewer_calls_than_the_setting(backend, monkeypatch):
    monkeypatch.setattr(type(backend), "max_fan_out", 1)
    upstream = Upstream()
    running = spawn(JoiningClient(upstream, 8), backend, "a", "b", join=False)
    gevent.idle()
    assert len(upstream.calls) == 1
    upstream.release.set()
    gevent.joinall(running, raise_error=True)


def test_a_full_group_is_sent_at_once_and_the_rest_in_another(backend):
    upstream = Upstream()
    upstream.release.set()
    running = spawn(JoiningClient(upstream, 8), backend, "a", "b", "c", "d")
    gevent.joinall(running, raise_error=True)
    assert upstream.calls == [{"inputs": ["a", "b", "c"]}, {"inputs": "d"}]
    assert [greenlet.value[0] for greenlet in running] == [b'["a"]', b'["b"]', b'["c"]', b'"d"']


def test_lists_of_texts_are_joined_too(backend):
    upstream = Upstream()
    upstream.release.set()
    running = spawn(JoiningClient(upstream, 8), backend, ["a", "b"], ["c"])
    gevent.joinall(running, raise_error=True)
    assert [greenlet.value[0] for greenlet in running] == [b'["a","b"]', b'["c"]']


@pytest.mark.parametrize(
    ("reason", "error"), [(UpstreamTimeout(), UpstreamTimeout), (gevent.GreenletExit(), ClientDisconnected)]
)
def test_if_the_sender_of_a_group_ends_all_its_calls_end(backend, reason, error):
    upstream = Upstream()
    running = spawn(JoiningClient(upstream, 8), backend, "a", "b")
    while not upstream.calls:
        gevent.sleep(0)
    gevent.kill(running[0], reason)
    with pytest.raises(error):
        running[1].get(timeout=5)


def test_the_sender_of_a_group_that_ends_while_it_waits_leaves_no_group_behind(backend):
    upstream, batch = Upstream(), Batch()
    waiting = gevent.spawn(JoiningClient(upstream, 8).send, call("a"), backend, context(batch))
    gevent.sleep(0)
    assert batch.waiting
    waiting.kill()
    assert not batch.waiting
