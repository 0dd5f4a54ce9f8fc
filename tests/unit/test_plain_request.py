"""Requests whose heads are read in one go are read as gunicorn reads them, and all others are left to it."""

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import given
from hypothesis import strategies as st

from app.server.plain_request import plain_request

HEAD = (
    b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"content-length: 2 \r\nAccept: */*\r\n\r\n{}"
)
ALPHABET = [b"GET ", b"POST ", b"/", b"a", b"%41", b"?q", b"#", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r"]
ALPHABET += [b": ", b":", b" ", b"\t", b"Host", b"X-A", b"X_A", b"Expect", b"Transfer-Encoding", b"\x00", b"\xff"]


def told(request, unreader):
    head = (request.method, request.path, request.query, request.version, request.scheme, list(request.headers))
    return head, request.should_close(), request.body.read(), unreader.buf.getvalue()


def by_gunicorn(data):
    config = Config()
    config.set("forwarded_allow_ips", "")
    unreader = IterUnreader(iter([data]))
    read = Request(config, unreader, ("127.0.0.1", 1))
    assert (read.uri, read.fragment, read._expected_100_continue) == (read.path, "", False)
    return told(read, unreader)


def in_one_go(data):
    unreader = IterUnreader(iter(()))
    read = plain_request(data, unreader)
    return read and told(read, unreader)


def test_a_plain_head_is_read_in_one_go_and_as_gunicorn_reads_it():
    assert in_one_go(HEAD) == by_gunicorn(HEAD)
    assert in_one_go(HEAD)[2] == b"{}"


@pytest.mark.parametrize("more", [b"", b"GET / HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("length", [b"0", b"1", b"2", b"3", b"02"])
def test_a_body_that_came_with_its_head_is_there_and_what_follows_is_left(length, more):
    data = HEAD.replace(b"h: 2", b"h: " + length) + more
    assert in_one_go(data) == by_gunicorn(data)


@pytest.mark.parametrize(
    ("value", "closes"), [(b"close", True), (b"Close", True), (b"keep-alive", False), (b"x", False)]
)
def test_the_connection_closes_behind_the_answer_where_the_caller_says_so(value, closes):
    data = HEAD.replace(b"Accept: */*", b"Connection: " + value)
    assert in_one_go(data) == by_gunicorn(data)
    assert in_one_go(data)[1] is closes


@given(st.lists(st.sampled_from(ALPHABET), max_size=12), st.integers(0, 4))
def test_whatever_is_put_into_a_head_it_is_read_as_gunicorn_reads_it_or_not_at_all(pieces, line):
    lines = HEAD.split(b"\r\n")
    lines[line] += b"".join(pieces)
    data = b"\r\n".join(lines)
    read = in_one_go(data)
    assert read is None or read == by_gunicorn(data)


@given(st.lists(st.sampled_from(ALPHABET), max_size=30))
def test_whatever_is_sent_it_is_read_as_gunicorn_reads_it_or_not_at_all(pieces):
    data = b"".join(pieces)
    read = in_one_go(data)
    assert read is None or read == by_gunicorn(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:40],
        HEAD.replace(b"POST", b"PUT"),
        HEAD.replace(b"generate", b"generate?a=b"),
        HEAD.replace(b"generate", b"gener%61te"),
        HEAD.replace(b"1.1", b"1.0"),
        HEAD.replace(b" /v1", b" //v1"),
        HEAD.replace(b"Host", b"Hose"),
        HEAD.replace(b"h: 2", b"h: +2"),
        HEAD.replace(b"h: 2", b"h: 2, 2"),
        HEAD.replace(b"h: 2", b"h: -1"),
        HEAD.replace(b"Accept: */*", b"Host: y"),
        HEAD.replace(b"Accept: */*", b"X_A: b"),
        HEAD.replace(b"Accept: */*", b"Accept:\t*/*"),
        HEAD.replace(b"Accept: */*", b"Accept : */*"),
        HEAD.replace(b"Accept: */*", b"Accept: \x7f"),
        HEAD.replace(b"Accept: */*", b" folded"),
        HEAD.replace(b"Accept: */*", b"Expect: 100-continue"),
        HEAD.replace(b"Accept: */*", b"Transfer-Encoding: chunked"),
        HEAD.replace(b"Accept: */*", b"Accept: */*\nX: y"),
    ],
)
def test_what_is_not_plain_is_left_to_gunicorn(data):
    assert in_one_go(data) is None
