"""Heads that are read in one go are read as gunicorn reads them, and all others are left to it."""

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import given
from hypothesis import strategies as st

from app.plainhead import plain_head

HEAD = (
    b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"content-length: 2 \r\nAccept: */*\r\n\r\n{}"
)
ALPHABET = [b"GET ", b"POST ", b"/", b"a", b"%41", b"?q", b"#", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r"]
ALPHABET += [b": ", b":", b" ", b"\t", b"Host", b"X-A", b"X_A", b"Expect", b"Transfer-Encoding", b"\x00", b"\xff"]


class HeadAlone(Request):
    def set_body_reader(self):
        """Do nothing: it comes after either way to read the head."""


def by_gunicorn(data):
    config = Config()
    config.set("forwarded_allow_ips", "")
    read = HeadAlone(config, IterUnreader(iter([data])), ("127.0.0.1", 1))
    assert (read.version, read.path, read.query, read.fragment) == ((1, 1), read.uri, "", "")
    return read.method, read.uri, read.headers, read.unreader.buf.getvalue()


def test_a_plain_head_is_read_in_one_go_and_as_gunicorn_reads_it():
    assert plain_head(HEAD) == by_gunicorn(HEAD)
    assert plain_head(HEAD)[3] == b"{}"


@given(st.lists(st.sampled_from(ALPHABET), max_size=12), st.integers(0, 4))
def test_whatever_is_put_into_a_head_it_is_read_as_gunicorn_reads_it_or_not_at_all(pieces, line):
    lines = HEAD.split(b"\r\n")
    lines[line] += b"".join(pieces)
    data = b"\r\n".join(lines)
    read = plain_head(data)
    assert read is None or read == by_gunicorn(data)


@given(st.lists(st.sampled_from(ALPHABET), max_size=30))
def test_whatever_is_sent_it_is_read_as_gunicorn_reads_it_or_not_at_all(pieces):
    data = b"".join(pieces)
    read = plain_head(data)
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
    assert plain_head(data) is None
