"""plain_request reads a request exactly as gunicorn's parser does, or not at all."""

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import given
from hypothesis import strategies as st

from app.server.plain_request import plain_request

HEAD = (
    b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"content-length: 2 \r\nAccept: */*\r\n\r\n{}"
)
CONFIG = Config()
CONFIG.set("forwarded_allow_ips", "")

TOKENS = [b"GET ", b"POST ", b"/", b"a", b"%41", b"?q", b"#", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r"]
TOKENS += [b": ", b":", b" ", b"\t", b"Host", b"X-A", b"X_A", b"Expect", b"Transfer-Encoding", b"\x00", b"\xff"]

METHODS = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"get",
    b"PO ST",
    b"",
    b"GET\t",
    b"G" * 30,
]
TARGETS = [
    b"/",
    b"/health",
    b"/v1/models/org/model",
    b"/a//b",
    b"//a",
    b"/%41",
    b"/a?b=c",
    b"/?",
    b"/#x",
    b"*",
    b"x:80",
]
TARGETS += [
    b"http://x/a",
    b"/a b",
    b"/\xc3\xa9",
    b"/~a_b.c-d",
    b"/..",
    b"/./",
    b"",
    b"/" + b"a" * 500,
    b"/" + b"a" * 501,
]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1"]
NAMES = [b"Host", b"host", b"HOST", b"Accept", b"X-A", b"X_A", b"Content-Type", b"Connection", b"connection", b"Cookie"]
NAMES += [
    b"Transfer-Encoding",
    b"Expect",
    b"Upgrade",
    b"TE",
    b"X-Forwarded-Proto",
    b"SCRIPT_NAME",
    b"X" * 101,
    b"X A",
    b"",
]
VALUES = [
    b"x",
    b"close",
    b"Close",
    b" close",
    b"keep-alive",
    b"close, x",
    b"chunked",
    b"100-continue",
    b"h2c",
    b"a" * 4001,
]
VALUES += [
    b"",
    b" ",
    b"a b",
    b"\ta",
    b"a\t",
    b"a\x0bb",
    b"\xe9",
    b"\x7f",
    b'"a"',
    b"a: b",
    b"https",
    b"a\r\n b",
    b"a\nb",
]
LENGTHS = [
    b"0",
    b"1",
    b"2",
    b"5",
    b"02",
    b"+2",
    b"-1",
    b"2, 2",
    b"2 ",
    b" 2",
    b"\xb2",
    b"1e1",
    b"9" * 15,
    b"9" * 16,
    b"",
]
BODIES = [b"", b"{}", b"hello", b"hello" + HEAD, b"\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 9000]


def environ(request):
    """Return what the app sees of a request, without the objects that differ between two requests."""
    _, created = wsgi.create(request, None, ("10.0.0.7", 4711), ("127.0.0.1", 8000), CONFIG)
    return {name: value for name, value in created.items() if isinstance(value, str | tuple | bool)}


def seen(request, unreader):
    """Return all that the app and the worker see of a request, and the bytes that are left."""
    expects_continue = request._expected_100_continue
    request._expected_100_continue = False  # or create would answer it
    return environ(request), expects_continue, request.should_close(), request.body.read(), unreader.buf.getvalue()


def by_gunicorn(data):
    unreader = IterUnreader(iter([data]))
    return seen(Request(CONFIG, unreader, ("127.0.0.1", 1)), unreader)


def at_once(data):
    unreader = IterUnreader(iter(()))
    request = plain_request(data, unreader)
    return request and seen(request, unreader)


def assert_equal_or_left(data):
    """Check that a request which is read at once is read in the same way by gunicorn, and is not an error there."""
    request = at_once(data)
    try:
        assert request is None or request == by_gunicorn(data)
    except ParseException as error:
        pytest.fail(f"gunicorn refuses what was read at once: {error!r}")


def message(method, target, version, headers, length, body):
    lines = [b" ".join((method, target, version)), *(name + b": " + value for name, value in headers)]
    if length is not None:
        lines.append(b"Content-Length: " + length)
    return b"\r\n".join([*lines, b"", body])


HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4)
PLAIN_HEADERS = st.lists(
    st.tuples(
        st.from_regex(rb"[A-Za-z0-9-]{1,20}", fullmatch=True), st.from_regex(rb"[\x20-\x7e]{0,20}", fullmatch=True)
    ),
    max_size=6,
)


def test_a_plain_head_is_read_at_once_and_as_gunicorn_reads_it():
    assert at_once(HEAD) == by_gunicorn(HEAD)
    assert at_once(HEAD)[3] == b"{}"


@pytest.mark.parametrize("more", [b"", b"GET / HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("length", [b"0", b"1", b"2", b"3", b"02"])
def test_a_body_that_came_with_its_head_is_complete_and_what_follows_is_left(length, more):
    data = HEAD.replace(b"h: 2", b"h: " + length) + more
    assert at_once(data) == by_gunicorn(data)


@pytest.mark.parametrize(
    ("value", "closes"), [(b"close", True), (b"Close", True), (b"keep-alive", False), (b"x", False)]
)
def test_the_connection_closes_if_the_client_says_so(value, closes):
    data = HEAD.replace(b"Accept: */*", b"Connection: " + value)
    assert at_once(data) == by_gunicorn(data)
    assert at_once(data)[2] is closes


@given(
    st.tuples(
        st.sampled_from(METHODS),
        st.sampled_from(TARGETS),
        st.sampled_from(VERSIONS),
        HEADERS,
        st.none() | st.sampled_from(LENGTHS),
        st.sampled_from(BODIES),
    )
)
def test_any_combination_of_lines_is_read_as_gunicorn_reads_it_or_not_at_all(parts):
    assert_equal_or_left(message(*parts))


@given(
    st.sampled_from([b"GET", b"POST"]),
    st.from_regex(rb"/[A-Za-z0-9._~/?%#*:;=&+-]{0,12}", fullmatch=True),
    PLAIN_HEADERS,
    st.none() | st.integers(0, 20),
    st.binary(max_size=30),
)
def test_any_ordinary_request_is_read_as_gunicorn_reads_it_or_not_at_all(method, target, headers, length, body):
    length = None if length is None else b"%d" % length
    assert_equal_or_left(message(method, target, b"HTTP/1.1", [(b"Host", b"x"), *headers], length, body))


@given(st.lists(st.sampled_from(TOKENS), max_size=12), st.integers(0, 4))
def test_any_bytes_inside_a_head_are_read_as_gunicorn_reads_them_or_not_at_all(chunks, line):
    lines = HEAD.split(b"\r\n")
    lines[line] += b"".join(chunks)
    assert_equal_or_left(b"\r\n".join(lines))


@given(st.lists(st.sampled_from(TOKENS), max_size=30))
def test_any_bytes_are_read_as_gunicorn_reads_them_or_not_at_all(chunks):
    assert_equal_or_left(b"".join(chunks))


@pytest.mark.parametrize("byte", b'\x00\t\n\x0b\r "#%*+,-/05:;=?A_a{\x7f\x80\xa0\xff', ids=hex)
def test_any_byte_at_any_place_is_read_as_gunicorn_reads_it_or_not_at_all(byte):
    for position in range(len(HEAD) - 2):
        assert_equal_or_left(HEAD[:position] + bytes([byte]) + HEAD[position + 1 :])
        assert_equal_or_left(HEAD[:position] + bytes([byte]) + HEAD[position:])


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
        HEAD.replace(b"Accept: */*", b"Upgrade: h2c"),
        HEAD.replace(b"Accept: */*", b"Accept: */*\nX: y"),
    ],
)
def test_a_request_that_is_not_plain_is_left_to_gunicorn(data):
    assert at_once(data) is None
