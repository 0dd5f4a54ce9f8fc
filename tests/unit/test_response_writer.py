"""ResponseWriter frames and checks a response as gunicorn's own class does."""

import re
from io import BytesIO
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.wsgi import Response
from hypothesis import given
from hypothesis import strategies as st

from app.server.response_writer import ResponseWriter

NAMES = ["Content-Type", "content-length", "Content-Length", "CONTENT-LENGTH", "X-Request-ID", "Server-Timing"]
HOP_BY_HOP = ["Connection", "connection", "Keep-Alive", "Transfer-Encoding", "transfer-encoding", "Upgrade", "TE"]
HOP_BY_HOP += ["Trailers", "Proxy-Authenticate", "proxy-authorization", "Server", "date"]
BAD_NAMES = ["", " ", "X Y", "X:", "X-\u00e9", "X\r\nY", "(x)", "Connection ", 5, b"X-Y", None, ["X"]]
GOOD_VALUES = ["5", "a b", " padded\t", "\u00e9", "", "close", "Upgrade", "websocket", "chunked", "0"]
BAD_VALUES = ["a\nb", "a\rb", "a\r\nInjected: b", "a\x00b", "\u20ac", "\x7f", "x\x1b[2J", 5, b"x", None]


CLASSES = (ResponseWriter, Response)


class Recorder:
    """A socket that records what is sent, and in how many packets."""

    def __init__(self):
        self.packets = []

    def sendall(self, data):
        self.packets.append(data)

    @property
    def sent(self):
        return b"".join(self.packets)


def request(method="GET", version=(1, 1)):
    return SimpleNamespace(method=method, version=version, body=BytesIO(), should_close=lambda: False)


def application(headers, body=(b"hello",), status="200 OK"):
    def app(environ, start_response):
        start_response(status, headers)
        return list(body)

    return app


def written(cls, headers, body=(b"hello",), status="200 OK", **line):
    """Return the bytes of a response, or the type of the error, and whether the connection closes."""
    connection = Recorder()
    response = cls(request(**line), connection, Config())
    try:
        if cls is ResponseWriter:
            response.run(application(headers, body, status), {})
        else:
            for chunk in application(headers, body, status)({}, response.start_response):
                response.write(chunk)
            response.close()
    except Exception as error:
        assert not connection.sent
        return type(error)
    return re.sub(rb"Date: [^\r]*", b"Date: -", connection.sent), response.should_close()


def assert_same(headers):
    assert written(ResponseWriter, headers) == written(Response, headers)


@pytest.mark.parametrize("name", ["content-length", "Content-Length", "CONTENT-LENGTH"])
def test_a_content_length_in_any_case_excludes_chunks(name):
    data, _ = written(ResponseWriter, [(name, "5")])
    assert b"Transfer-Encoding" not in data
    assert data.endswith(b"\r\n\r\nhello")
    assert_same([(name, "5")])


@pytest.mark.parametrize("values", [("5", "5"), ("a", "5"), ("5", "a"), ("4", "5")])
def test_a_repeated_content_length_is_left_to_gunicorn(values):
    assert_same([("Content-Length", values[0]), ("content-length", values[1])])


@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_a_hop_by_hop_header_of_the_app_is_dropped(name):
    data, _ = written(ResponseWriter, [("X-A", "b"), (name, "hop")])
    assert b"hop" not in data
    assert b"X-A: b\r\n" in data
    assert_same([("X-A", "b"), (name, "hop")])


def test_an_upgrade_by_the_app_is_announced_as_by_gunicorn():
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    assert b"Connection: upgrade\r\nUpgrade: websocket\r\n" in written(ResponseWriter, upgrade, (), "101 X")[0]
    assert_same(upgrade)


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if isinstance(name, str)])
def test_an_illegal_name_is_refused(name):
    assert written(ResponseWriter, [("X-A", "b"), (name, "c")]) is InvalidResponseHeaderName
    assert_same([("X-A", "b"), (name, "c")])


@pytest.mark.parametrize("value", [value for value in BAD_VALUES if isinstance(value, str)])
def test_an_illegal_value_is_refused(value):
    assert written(ResponseWriter, [("X-A", "b"), ("X-B", value)]) is InvalidResponseHeader
    assert_same([("X-A", "b"), ("X-B", value)])


@pytest.mark.parametrize("pair", [(5, "a"), (b"X", "a"), (["X"], "a"), ("X", 5), ("X", b"a"), ("X", None)], ids=repr)
def test_a_name_or_value_that_is_no_text_is_refused(pair):
    assert written(ResponseWriter, [pair]) is TypeError
    assert_same([pair])


HEADERS = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, *HOP_BY_HOP]) | st.sampled_from(BAD_NAMES) | st.text(max_size=5),
        st.sampled_from(GOOD_VALUES) | st.sampled_from(GOOD_VALUES) | st.sampled_from(BAD_VALUES) | st.text(max_size=5),
    ),
    max_size=6,
)
STATUSES = st.sampled_from(["200 OK", "204 No Content", "304 Not Modified", "404 Not Found", "101 Switching Protocols"])


@given(
    HEADERS,
    st.lists(st.sampled_from([b"", b"a", b"hello", b"x" * 20]), max_size=3),
    STATUSES,
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.sampled_from([(1, 1), (1, 0)]),
)
def test_any_response_has_the_bytes_of_gunicorns_or_is_refused_by_both(headers, body, status, method, version):
    ours, theirs = (written(cls, headers, body, status, method=method, version=version) for cls in CLASSES)
    # of two errors in one response, each may find another one first
    assert ours == theirs or (isinstance(ours, type) and isinstance(theirs, type))


def test_the_head_and_the_first_chunk_are_one_packet():
    connection = Recorder()
    ResponseWriter(request(), connection, Config()).run(application([], [b"a", b"b"]), {})
    first, *rest = connection.packets
    assert first.endswith(b"\r\n\r\n1\r\na\r\n")
    assert rest == [b"1\r\nb\r\n", b"0\r\n\r\n"]


def test_the_body_is_closed_whether_it_fails_or_not():
    closed = []

    class Body(list):
        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body([environ["chunk"]])

    ResponseWriter(request(), Recorder(), Config()).run(app, {"chunk": b"a"})
    with pytest.raises(TypeError):
        ResponseWriter(request(), Recorder(), Config()).run(app, {"chunk": "no bytes"})
    assert closed == [True, True]
