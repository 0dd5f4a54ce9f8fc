"""StrictRequestParser reads a connection as gunicorn's parser with the strict rules does, however its bytes arrive."""

import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http import message
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from app.server.request_parser import StrictRequestParser, snapshot_settings

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
LARGE = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000
QUERY = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSE = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OLD = b"GET /a HTTP/1.0\r\n\r\n"
BAD = b"GET /a HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n"
CUT = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhel"
MESSAGES = [GET, POST, CHUNKED, LARGE, QUERY, CLOSE, OLD, BAD, CUT, b"\r\n", b"RUBBISH\r\n\r\n", b"GET /"]


class GunicornOnly(StrictRequestParser):
    """The same parser without plain requests."""

    __next__ = RequestParser.__next__


class Arriving:
    """A connection whose bytes arrive in the given chunks."""

    def __init__(self, chunks):
        self.chunks = [chunk for chunk in chunks if chunk]
        self.sizes = []

    def recv(self, size):
        self.sizes.append(size)
        if not self.chunks:
            return b""
        received, rest = self.chunks[0][:size], self.chunks[0][size:]
        self.chunks[:1] = [rest] if rest else []
        return received


def parser_of(chunks, cls=StrictRequestParser, config=None):
    return cls(snapshot_settings(config or Config()), Arriving(chunks), ("127.0.0.1", 4711))


def conversation(chunks, cls=StrictRequestParser, body_size=None):
    """Return all requests that a worker would serve, of each body at most `body_size`, and the error at the end."""
    parser, served = parser_of(chunks, cls), []
    try:
        for request in parser:
            line = request.method, request.uri, request.path, request.query, request.version
            body = request.body.read(body_size)
            served.append((*line, sorted(request.headers), body, request.should_close(), parser.req_count))
            if request.should_close() or not parser.finish_body():
                break
    except Exception as error:
        served.append(type(error))
    return served


def split(data, positions):
    edges = [0, *sorted(position % (len(data) + 1) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("first", [GET, POST, CHUNKED, QUERY], ids=["get", "post", "chunked", "query"])
def test_a_split_at_any_byte_changes_nothing(first):
    data = first + POST + CLOSE
    expected = conversation([data], GunicornOnly)
    assert [request[1] for request in expected][1:] == ["/v1/text/generate", "/a"]
    for position in range(len(data)):
        assert conversation(split(data, [position])) == expected


def test_bytes_that_arrive_one_by_one_change_nothing():
    data = POST + GET + CHUNKED + CLOSE
    assert conversation([bytes([byte]) for byte in data]) == conversation([data], GunicornOnly)


@given(
    st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=4),
    st.lists(st.integers(0, 21_000), max_size=4),
    st.sampled_from([None, 0, 3]),
)
def test_any_requests_in_any_chunks_are_read_as_by_gunicorn(messages, positions, body_size):
    data = b"".join(messages)
    assert conversation(split(data, positions), body_size=body_size) == conversation(
        [data], GunicornOnly, body_size=body_size
    )


@pytest.mark.parametrize("http_parser", ["auto", "fast"])
def test_an_installed_fast_parser_is_not_used(monkeypatch, http_parser):
    def parse_request(*arguments, **options):
        raise AssertionError("the fast parser was used")

    fast = SimpleNamespace(parse_request=parse_request, LimitRequestLine=ValueError)
    monkeypatch.setitem(sys.modules, "gunicorn_h1c", fast)
    monkeypatch.setattr(message, "_fast_parser_available", None)
    config = Config()
    config.set("http_parser", http_parser)
    assert next(parser_of([QUERY], config=config)).uri == "/a?b=c"


@pytest.mark.parametrize("line", [b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: on", b"SCRIPT_NAME: /prefix"])
def test_no_peer_may_change_the_scheme_or_the_prefix(line):
    request = next(parser_of([QUERY[:-2] + line + b"\r\n\r\n"]))
    assert request.scheme == "http"
    assert "SCRIPT_NAME" not in dict(request.headers)


def test_a_body_is_consumed_once_nothing_of_it_is_left():
    parser = parser_of([POST[:-2], POST[-2:], CHUNKED])
    assert parser.body_consumed
    request = next(parser)
    assert not parser.body_consumed
    request.body.read()
    assert parser.body_consumed
    next(parser)
    assert not parser.body_consumed
    assert parser.finish_body()


def test_a_large_body_is_received_in_chunks_that_are_cheap_to_copy():
    # gunicorn copies its buffer at each read of 1 KiB while it discards a body
    connection = Arriving([b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n", bytes(5_000_000)])
    parser = StrictRequestParser(snapshot_settings(Config()), connection, ("127.0.0.1", 4711))
    next(parser)
    assert parser.finish_body()
    assert max(connection.sizes) == 64 * 1024


def test_pipelined_bytes_are_buffered_data():
    parser = parser_of([GET + GET])
    next(parser)
    assert parser.has_buffered_data
    next(parser)
    assert not parser.has_buffered_data
