"""Which answers of upstreams are taken as a whole, and that no other is."""

import pytest

from app.upstream.transport.buffered_response import parse_buffered

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nok"


def test_an_answer_that_has_come_to_its_end_is_taken():
    answer = parse_buffered(ANSWER)
    assert (answer.status, answer.reason, answer.version) == (200, "OK", 11)
    assert answer.headers == {"content-type": "text/plain", "content-length": "2", "connection": "Keep-Alive"}
    assert list(answer.stream(1024)) == [b"ok"]


def test_it_can_be_read_at_once_and_then_there_is_nothing_left():
    answer = parse_buffered(ANSWER)
    assert answer.read1(1024) == b"ok"
    assert answer.read1(1024) == b""


@pytest.mark.parametrize("status", [b"200", b"200 ", b"404 Not Found", b"503 Service Unavailable"])
def test_any_final_status_will_do(status):
    assert parse_buffered(ANSWER.replace(b"200 OK", status)).status == int(status[:3])


@pytest.mark.parametrize(
    "received",
    [
        b"",
        ANSWER[:-1],
        ANSWER + b"!",
        ANSWER.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ANSWER.replace(b"200 OK", b"100 Continue"),
        ANSWER.replace(b"200 OK", b"204 No Content"),
        ANSWER.replace(b"200 OK", b"304 Not Modified"),
        ANSWER.replace(b"200 OK", b"20O"),
        ANSWER.replace(b"Content-Length: 2\r\n", b""),
        ANSWER.replace(b"Content-Length: 2", b"Content-Length: +2"),
        ANSWER.replace(b"Content-Length: 2", b"Content-Length: \xb2"),
        ANSWER.replace(b"Content-Length: 2", b"Content-Length: " + b"0" * 5000 + b"2"),
        ANSWER.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        ANSWER.replace(b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        ANSWER.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Encoding: gzip"),
        ANSWER.replace(b"Keep-Alive", b"close"),
        ANSWER.replace(b"text/plain", b"text/plain\r\n; charset=utf-8"),
        ANSWER.replace(b"text/plain", b"text/plain\nX: y"),
        ANSWER.replace(b"text/plain", b"text/\0plain"),
        ANSWER.replace(b"Content-Type", b"Content Type"),
        ANSWER.replace(b"\r\n\r\n", b"\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(100)) + b"\r\n"),
    ],
)
def test_what_is_not_plain_or_not_at_its_end_is_left_to_be_read_in_pieces(received):
    assert parse_buffered(received) is None
