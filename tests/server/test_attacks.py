"""Attacks over raw sockets: each gets one clear error or a closed connection, and the next client is served."""

import json
import re
import socket

import pytest
from support import attacks
from support.attacks import HEAD, HEALTH, VALID_BODY, body, target
from support.servers import Service, Upstream
from support.wire import connect, read_until_closed

RESPONSES = re.compile(rb"(HTTP/1\.\d \d{3} .*?)\r\n\r\n(.*?)(?=HTTP/1\.\d \d{3} |\Z)", re.DOTALL)
SHAPE = {"code", "message", "type", "details", "request_id"}


@pytest.fixture(scope="module")
def running():
    remote = Upstream()
    service = Service(OPENAI_BASE_URL=f"{remote.url}/v1", OPENAI_API_KEY="sk-x", SERVER_READ_TIMEOUT="2s")
    service.wait_for_line("Ready on")
    yield service, remote
    service.stop()
    remote.close()


@pytest.fixture
def victim(running):
    """A service under attack; afterwards its upstream has got nothing from it, and it serves the next client."""
    service, remote = running
    yield service
    assert remote.requests == []
    assert service.post("/v1/text/generate", prompt="x").status_code == 200
    assert len(remote.requests) == 1
    remote.requests.clear()
    assert not [line for line in service.lines if '"ERROR"' in line or "Traceback" in line]


def attack(service, data):
    """Send bytes and half-close; return the heads and bodies of all responses until the service closes."""
    with connect(service) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was closed already
        return RESPONSES.findall(read_until_closed(connection))


def rejection(service, data):
    """Attack; return the status and JSON of the only response, which has the shape of all errors."""
    [(head, response)] = attack(service, data)
    error = json.loads(response)
    assert set(error) == SHAPE
    assert f"X-Request-ID: {error['request_id']}".encode() in head
    assert head[8:13] == b" %d " % error["code"]
    return error["code"], error


@pytest.mark.parametrize("name", attacks.SMUGGLING)
def test_an_ambiguous_request_is_refused_and_nothing_after_it_is_served(victim, name):
    code, error = rejection(victim, attacks.SMUGGLING[name])
    assert (code, error["type"]) in ((400, "validation_error"), (413, "payload_too_large"))


@pytest.mark.parametrize("name", attacks.PROTOCOLS)
def test_a_request_that_is_not_http_1_is_refused(victim, name):
    assert rejection(victim, attacks.PROTOCOLS[name])[0] == 400


@pytest.mark.parametrize("path", attacks.NO_ROUTES, ids=lambda path: repr(path[:30]))
def test_another_spelling_of_a_path_is_no_route(victim, path):
    code, error = rejection(victim, target(path))
    assert code in (400, 404)
    assert "evil" not in json.dumps(error)


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"DELETE", b"PUT", b"PATCH", b"M-SEARCH", b"A!#$%&"])
def test_other_methods_are_refused_and_echo_nothing(victim, method):
    code, error = rejection(victim, method + b" /health HTTP/1.1\r\nHost: x\r\nX-Secret: evil\r\n\r\n")
    assert code in (400, 405)
    assert "evil" not in json.dumps(error)


def test_a_connect_closes_the_connection(victim):
    assert rejection(victim, b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + attacks.SMUGGLED)[0] in (400, 404, 405)


@pytest.mark.parametrize(
    "line",
    [
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        b"Script-Name: /v1",
        b"SCRIPT_NAME: /v1",
        b"PATH_INFO: /metrics",
        b"X-Forwarded-Host: evil",
        b"X-Forwarded-Prefix: /evil",
        b"X-Forwarded-Proto: evil",
        b"X-Original-URL: /evil",
        b"X-Rewrite-URL: /evil",
        b"X-HTTP-Method-Override: DELETE",
        b"Forwarded: host=evil",
        b"Origin: https://evil",
        b"Accept: evil/evil",
        b"Range: bytes=0-1",
        b"Cookie: evil=1",
        b"Content_Length: 5",
        b"Transfer_Encoding: chunked",
        b"X-Request-ID: evil\tevil",
        b"X-Request-ID: " + b"evil" * 100,
        b"X-Request-ID: <evil>",
        b"X-Request-ID: evil\xe9",
        b"X-Request-ID: a\r\nX-Request-ID: evil",
    ],
)
def test_no_header_changes_the_response_or_is_echoed(victim, line):
    [(head, response)] = attack(victim, HEALTH + line + b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(response)["status"] == "healthy"
    assert b"evil" not in head + response


@pytest.mark.parametrize(
    "name", [b"Idempotency-Key", b"X-Request-Timeout", b"X-AI-Debug", b"Authorization", b"X-API-Key"]
)
def test_no_header_of_a_refused_operation_is_echoed(victim, name):
    [(head, response)] = attack(victim, body(b"{}", name + b": evil\xe9<script>" + b"x" * 5000))
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"evil" not in head + response


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"<evil>", b"evil/..", b"evil@x", b"[", b"\xff" * 8000, b"a." * 4000, b"x:y"]
)
def test_no_host_is_trusted_or_echoed(victim, host):
    [(head, response)] = attack(victim, target(b"/nowhere").replace(b"Host: x", b"Host: " + host))
    assert json.loads(response)["code"] in (400, 404)
    assert b"evil" not in head + response
    assert b"Location" not in head


@pytest.mark.parametrize("coding", attacks.BOMBS)
def test_a_compressed_body_is_415(victim, coding):
    assert rejection(victim, body(attacks.BOMBS[coding], b"Content-Encoding: " + coding))[0] == 415
    assert rejection(victim, body(attacks.BOMBS[coding]))[0] == 400


@pytest.mark.parametrize("name", attacks.BAD_BODIES)
def test_a_hostile_body_is_400_with_a_short_response(victim, name):
    [(head, response)] = attack(victim, body(attacks.BAD_BODIES[name]))
    assert head.startswith(b"HTTP/1.1 400 ")
    assert set(json.loads(response)) == SHAPE
    assert len(response) < 20_000


def test_half_a_million_bad_messages_are_400_with_a_short_response(victim):
    data = b'{"messages": [' + b",".join([b"1"] * 500_000) + b"]}"
    request = body(data).replace(b"/v1/text/generate", b"/v1/chat/completions")
    [(head, response)] = attack(victim, request)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert len(response) < 20_000


@pytest.mark.parametrize("text", ["\u202eevil\u2066", "a" + "\u0301" * 5000, "\ufeff", "\U000e0001", "\x1b[2J"])
def test_an_unknown_name_is_returned_as_escaped_json(victim, text):
    code, error = rejection(victim, body(json.dumps({"prompt": "x", text: 1}).encode()))
    assert (code, list(error["details"])) == (400, [text[:100]])


@pytest.mark.parametrize(
    "data",
    [
        HEALTH + b"X: y\r\n" * 200 + b"\r\n",
        HEALTH + b"X: " + b"y" * 9000 + b"\r\n\r\n",
        HEALTH + (b"X: " + b"y" * 5000 + b"\r\n") * 20,
        HEALTH + b"X" * 100_000,
    ],
    ids=["many", "long", "many and long", "without end"],
)
def test_a_head_over_64_kib_or_with_too_much_in_it_is_431(victim, data):
    assert rejection(victim, data)[0] == 431


def test_a_long_query_is_414(victim):
    assert rejection(victim, target(b"/health?" + b"a=b&" * 2000))[0] == 414


def test_a_body_shorter_than_its_length_is_refused(victim):
    assert rejection(victim, HEAD + b"Content-Length: 500\r\n\r\n" + VALID_BODY)[0] == 400
    assert rejection(victim, HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + VALID_BODY)[0] == 400


def test_bytes_after_a_body_are_another_request(victim):
    responses = attack(victim, HEALTH + b"Content-Length: 2\r\n\r\n{}{}\r\n\r\n")
    assert [head[:13] for head, _ in responses] == [b"HTTP/1.1 200 ", b"HTTP/1.1 400 "]


def test_a_body_without_end_is_cut(victim):
    with connect(victim) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            connection.sendall((b"100000\r\n" + bytes(0x100000) + b"\r\n") * 100)


def test_http_1_0_is_served_once_and_closed(victim):
    [(head, _)] = attack(victim, b"GET /health HTTP/1.0\r\n\r\n" + HEALTH + b"\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")


def test_a_client_that_expects_100_continue_gets_it_once(victim):
    heads = [head for head, _ in attack(victim, body(b"{}", b"Expect: 100-continue"))]
    assert heads[0].startswith(b"HTTP/1.1 100 Continue")
    assert [head[:13] for head in heads[1:]] == [b"HTTP/1.1 400 "]


def test_no_response_names_a_version_of_the_server(victim):
    for data in (HEALTH + b"\r\n", target(b"/nowhere"), b"RUBBISH\r\n\r\n"):
        [(head, _)] = attack(victim, data)
        assert not re.search(rb"(?im)^(server|x-powered-by|via):.*(/|\d)", head)
