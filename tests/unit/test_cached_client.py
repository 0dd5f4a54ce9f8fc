"""The parsed form of cached responses."""

from functools import partial

from app.backends.base import UpstreamRequest
from app.backends.types import Generation, Usage
from app.cache.response_cache import MAX_PARSED_BYTES, CachedBytes
from app.inference.cached_client import parse_cached

GENERATION = Generation("a", "stop", usage=Usage(1, 1), model="")


def call(parse):
    return UpstreamRequest("openai", "chat/completions", "http://llm.test/v1/chat/completions", parse)


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
