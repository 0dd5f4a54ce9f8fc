"""Complete responses: which of them are parsed at once, and that all others are left to http.client."""

import pytest

from app.upstream.transport.buffered_response import parse_buffered

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nok"


def test_complete_response_is_parsed():
    response = parse_buffered(RESPONSE)
    assert (response.status, response.reason, response.version) == (200, "OK", 11)
    assert response.headers == {"content-type": "text/plain", "content-length": "2", "connection": "Keep-Alive"}
    assert list(response.stream(1024)) == [b"ok"]


def test_body_can_be_read_once():
    response = parse_buffered(RESPONSE)
    assert response.read1(1024) == b"ok"
    assert response.read1(1024) == b""


@pytest.mark.parametrize("status", [b"200", b"200 ", b"404 Not Found", b"503 Service Unavailable"])
def test_every_final_status_is_parsed(status):
    assert parse_buffered(RESPONSE.replace(b"200 OK", status)).status == int(status[:3])


@pytest.mark.parametrize(
    "received",
    [
        b"",
        RESPONSE[:-1],
        RESPONSE + b"!",
        RESPONSE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        RESPONSE.replace(b"200 OK", b"100 Continue"),
        RESPONSE.replace(b"200 OK", b"204 No Content"),
        RESPONSE.replace(b"200 OK", b"304 Not Modified"),
        RESPONSE.replace(b"200 OK", b"20O"),
        RESPONSE.replace(b"Content-Length: 2\r\n", b""),
        RESPONSE.replace(b"Content-Length: 2", b"Content-Length: +2"),
        RESPONSE.replace(b"Content-Length: 2", b"Content-Length: \xb2"),
        RESPONSE.replace(b"Content-Length: 2", b"Content-Length: " + b"0" * 5000 + b"2"),
        RESPONSE.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        RESPONSE.replace(b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        RESPONSE.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Encoding: gzip"),
        RESPONSE.replace(b"Keep-Alive", b"close"),
        RESPONSE.replace(b"text/plain", b"text/plain\r\n; charset=utf-8"),
        RESPONSE.replace(b"text/plain", b"text/plain\nX: y"),
        RESPONSE.replace(b"text/plain", b"text/\0plain"),
        RESPONSE.replace(b"Content-Type", b"Content Type"),
        RESPONSE.replace(b"\r\n\r\n", b"\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(100)) + b"\r\n"),
    ],
)
def test_response_in_another_form_is_left_to_http_client(received):
    assert parse_buffered(received) is None
