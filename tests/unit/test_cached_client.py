"""Responses shared by concurrent calls, and the parsed form of cached ones."""

from functools import partial

import gevent
from gevent.event import Event

from app.backends.base import UpstreamRequest, UpstreamResponse
from app.backends.types import Generation, Usage
from app.cache.response_cache import MAX_PARSED_BYTES, CachedBytes, ResponseCache
from app.context.call_context import CallContext
from app.context.deadline import Deadline
from app.context.request_info import RequestInfo
from app.inference.cached_client import CachedClient, parse_cached
from app.redis_store import RedisStore

GENERATION = Generation("a", "stop", usage=Usage(1, 1), model="")


def call(parse, **options):
    return UpstreamRequest("openai", "chat/completions", "http://llm.test/v1/chat/completions", parse, **options)


class CountingParser:
    """A parser that records the body of each response it parses."""

    def __init__(self):
        self.bodies = []

    def __call__(self, response, prompt=""):
        self.bodies.append(response.body)
        return GENERATION


def test_a_short_response_is_parsed_once_by_each_parser():
    parser = CountingParser()
    cached = CachedBytes(b"{}\nbody")
    for _ in range(2):
        assert parse_cached(call(partial(parser, prompt="x")), cached) is GENERATION
    assert parser.bodies == [b"body"]
    assert parse_cached(call(lambda response: {"text": response.body}), cached) == {"text": b"body"}


def test_a_mutable_result_is_parsed_for_each_request():
    cached = CachedBytes(b"{}\nbody")
    first, second = (parse_cached(call(lambda response: {"text": response.body}), cached) for _ in range(2))
    assert first == second
    assert first is not second


def test_partials_with_different_arguments_are_different_parsers():
    def parse_with(parse, response):
        return parse(response)

    cached = CachedBytes(b"{}\nbody")
    assert parse_cached(call(partial(parse_with, lambda _: GENERATION)), cached) is GENERATION
    assert parse_cached(call(partial(parse_with, lambda _: {"text": "a"})), cached) == {"text": "a"}


def test_a_long_response_is_parsed_for_each_request():
    parser = CountingParser()
    cached = CachedBytes(b"{}\n" + b"x" * MAX_PARSED_BYTES)
    assert [parse_cached(call(parser), cached) for _ in range(2)] == [GENERATION, GENERATION]
    assert len(parser.bodies) == 2


class BlockedClient:
    """An upstream client whose calls wait for `may_answer`."""

    def __init__(self):
        self.calls = 0
        self.may_answer = Event()

    def send(self, call, _backend, _context):
        self.calls += 1
        self.may_answer.wait(5)
        response = UpstreamResponse(200, {}, b"body")
        return call.parse(response), response


def test_concurrent_calls_share_a_response_and_parse_it_each_in_its_own_way():
    upstream = BlockedClient()
    client = CachedClient(upstream, ResponseCache(RedisStore(None), 60, 10**6))
    contexts = [CallContext(RequestInfo("id"), Deadline(5), "generate") for _ in range(2)]
    parsers = (lambda response: response.body, lambda response: response.body.upper())
    calls = [call(parse, deterministic=True) for parse in parsers]
    greenlets = [gevent.spawn(client.send, *pair) for pair in zip(calls, [None] * 2, contexts, strict=True)]
    gevent.sleep(0)
    upstream.may_answer.set()
    assert [greenlet.get() for greenlet in greenlets] == [b"body", b"BODY"]
    assert [context.cache for context in contexts] == ["miss", "coalesced"]
    assert upstream.calls == 1


def test_concurrent_calls_of_two_clients_are_two_calls():
    upstream = BlockedClient()
    client = CachedClient(upstream, ResponseCache(RedisStore(None), 60, 10**6))
    contexts = [CallContext(RequestInfo("id", client_id=name), Deadline(5), "generate") for name in ("key:a", "key:b")]
    made = call(lambda response: response.body, deterministic=True)
    greenlets = [gevent.spawn(client.send, made, None, context) for context in contexts]
    gevent.sleep(0)
    upstream.may_answer.set()
    assert [greenlet.get() for greenlet in greenlets] == [b"body"] * 2
    assert [context.cache for context in contexts] == ["miss", "miss"]
    assert upstream.calls == 2
