"""The shipped gunicorn configuration over real sockets, with an upstream that each test controls."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.servers import chat_response, reply, until
from support.wire import connect, raw, read_response, read_until_closed


@pytest.mark.parametrize(
    ("data", "status", "kind"),
    [
        (b"RUBBISH\r\n\r\n", 400, "validation_error"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "validation_error"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400, "validation_error"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "validation_error"),
        (b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13\r\n\r\n", 400, "validation_error"),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n", 431, "headers_too_large"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_errors_of_the_server_have_the_shape_of_all_others(service, data, status, kind):
    code, headers, body = raw(service, data)
    assert (code, body["code"], body["type"]) == (status, status, kind)
    assert set(body) == {"code", "message", "type", "details", "request_id"}
    assert headers["X-Request-ID"] == body["request_id"]
    assert headers["Content-Type"] == "application/json"
    line = json.loads(service.wait_for_line(body["request_id"]))
    assert (line["status"], line["error"]) == (status, kind)


def test_a_head_or_body_that_is_late_is_408(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_READ_TIMEOUT="300ms")
    body = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    for half in (b"GET /health HTTP/1.1\r\nHo", body):
        code, _, error = raw(service, half)
        assert (code, error["type"]) == (408, "request_timeout")
    assert remote.requests == []


def test_a_client_that_does_not_read_its_response_is_disconnected(start, remote):
    sizes = {"MAX_BODY_BYTES": "40MiB", "MAX_INPUT_CHARS": "10000000"}
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_WRITE_TIMEOUT="300ms", **sizes)
    body = json.dumps({"text": "x" * 9_000_000}).encode()
    head = (
        f"POST /v1/text/summarize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    with connect(service) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n" + body)  # the response contains the text and is never read
        assert remote.arrived.acquire(timeout=20)
        connections = service.processes()[1].net_connections
        until(
            lambda: not [one for one in connections() if one.laddr.port == service.port and one.status == "ESTABLISHED"]
        )


def test_idle_connections_are_closed_and_active_ones_stay_open(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_IDLE_TIMEOUT="300ms")
    with connect(service) as connection:
        for _ in range(2):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_response(connection)[0] == 200
        assert connection.recv(1) == b""


def test_pipelined_requests_are_all_answered(service):
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(service) as connection:
        connection.sendall(request * 2 + request.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        assert read_until_closed(connection).count(b"200 OK") == 3


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_a_body_over_the_limit_gets_its_413_before_the_connection_closes(service, chunked):
    data = b"x" * 3_000_000
    with requests.Session() as session:
        response = session.post(
            f"{service.url}/v1/text/generate",
            data=iter([data]) if chunked else data,
            headers={"Content-Type": "application/json"},
            timeout=30,
        )
        assert (response.status_code, response.json()["type"]) == (413, "payload_too_large")
        assert response.headers["Connection"] == "close"
        assert session.get(f"{service.url}/health", timeout=30).status_code == 200


def test_malformed_chunks_are_400_and_close_the_connection(service):
    head = "POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: {}\r\n\r\nzz\r\n"
    status, _, body = raw(service, head.format("application/json").encode())
    assert (status, body["type"]) == (400, "validation_error")
    with connect(service) as connection:
        connection.sendall(head.format("text/plain").encode())
        assert read_response(connection)[0] == 415
        assert read_until_closed(connection) == b""


def test_parallel_deep_health_checks_make_one_probe(service, remote):
    remote.respond = lambda handler: reply(handler, {"data": []})
    with ThreadPoolExecutor(10) as pool:
        responses = pool.map(lambda _: service.get("/health/deep"), range(10))
        assert {response.status_code for response in responses} == {200}
    assert len(remote.requests) == 1


def test_the_request_id_is_sent_upstream_returned_and_logged(service, remote):
    response = requests.post(
        f"{service.url}/v1/text/generate", json={"prompt": "x"}, headers={"X-Request-ID": "id-1.2_3"}, timeout=30
    )
    assert response.headers["X-Request-ID"] == "id-1.2_3"
    assert remote.requests[0]["headers"]["X-Request-ID"] == "id-1.2_3"
    service.wait_for_line('"id-1.2_3"')


def test_parallel_calls_do_not_wait_for_each_other(service, remote):
    together = threading.Barrier(16)

    def respond(handler):
        together.wait(timeout=20)  # no request is answered before all 16 have arrived
        reply(handler, chat_response("Hi."))

    remote.respond = respond
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: service.post("/v1/text/generate", prompt="x").status_code, range(16)))
    assert responses == [200] * 16


def test_connections_to_the_upstream_are_reused(service, remote):
    peers = set()

    def respond(handler):
        peers.add(handler.client_address)
        reply(handler, chat_response("Hi."))

    remote.respond = respond
    for _ in range(5):
        service.post("/v1/text/generate", prompt="x")
    assert len(peers) == 1


def test_an_upstream_that_sends_byte_by_byte_is_cut_at_the_deadline(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", HUGGINGFACE_TIMEOUT="500ms", HUGGINGFACE_RETRY_ATTEMPTS="3")
    gone = threading.Event()

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            while not gone.wait(0.05):
                handler.wfile.write(b" ")
        except OSError:
            gone.set()

    remote.respond = respond
    started = time.monotonic()
    result = service.post("/v1/text/generate", prompt="x")
    assert (result.status_code, result.json()["type"]) == (504, "upstream_timeout")
    assert time.monotonic() - started < 5
    assert gone.wait(20), "the upstream call went on after the deadline"
    assert len(remote.requests) == 1


def test_a_redirect_is_not_followed(service, remote):
    remote.respond = lambda handler: reply(handler, {}, 307, Location=f"{remote.url}/elsewhere")
    assert service.post("/v1/text/generate", prompt="x").json()["type"] == "upstream_invalid_response"
    assert len(remote.requests) == 1


def test_a_response_that_is_cut_off_is_invalid(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", HUGGINGFACE_RETRY_ATTEMPTS="0")

    def respond(handler):
        data = json.dumps(chat_response("Hi.")).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data) + 10))
        handler.end_headers()
        handler.wfile.write(data)
        handler.connection.shutdown(socket.SHUT_RDWR)

    remote.respond = respond
    assert service.post("/v1/text/generate", prompt="x").json()["type"] == "upstream_invalid_response"


def test_events_that_were_not_asked_for_are_complete_once_each_choice_has_a_finish_reason(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", HUGGINGFACE_RETRY_ATTEMPTS="0")
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}]}

    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "10000")
        handler.end_headers()
        handler.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        handler.connection.shutdown(socket.SHUT_RDWR)

    remote.respond = respond
    assert service.post("/v1/text/generate", prompt="x").json()["choices"][0]["text"] == "Hi."
    chunk["choices"][0]["finish_reason"] = None
    assert service.post("/v1/text/generate", prompt="x").json()["type"] == "upstream_invalid_response"


def test_workers_share_their_metrics(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", WEB_CONCURRENCY="2")
    for _ in range(20):
        assert service.post("/v1/text/generate", prompt="x").status_code == 200  # each on its own connection
    text = service.get("/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith("http_requests_total{") and "generate" in line]
    assert line.endswith(" 20.0")
    assert service.get("/metrics", headers={"Accept": "application/json"}).json()["requests_total"] == 21


def test_the_key_is_in_no_log_error_metric_or_process_title(service, remote):
    remote.respond = lambda handler: reply(handler, {"error": "bad key sk-topsecret"}, 401)
    error = service.post("/v1/text/generate", prompt="x").text
    texts = [error, service.get("/metrics").text, service.get("/health/deep").text, *service.lines]
    texts += [" ".join(process.cmdline()) for process in service.processes()]
    assert remote.requests[0]["headers"]["Authorization"] == "Bearer sk-topsecret"
    assert not [text for text in texts if "topsecret" in text]


def test_prompts_and_responses_are_not_logged_even_at_debug(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", LOG_LEVEL="debug")
    remote.respond = lambda handler: reply(handler, chat_response("RESPONSE-TEXT"))
    response = service.post("/v1/text/generate", prompt="PROMPT-TEXT")
    assert "RESPONSE-TEXT" in response.text
    service.wait_for_line(response.headers["X-Request-ID"])
    assert not [line for line in service.lines if "PROMPT-TEXT" in line or "RESPONSE-TEXT" in line]


def test_health_is_served_while_all_upstream_permits_are_taken(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", UPSTREAM_MAX_CONCURRENCY="4")
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(20), reply(handler, chat_response("Hi.")))
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(service.post, "/v1/text/generate", prompt="x") for _ in range(20)]
        until(lambda: sum(call.done() for call in calls) == 16)
        assert service.get("/health").status_code == 200
        assert service.get("/metrics").status_code == 200
        release.set()
        responses = [call.result() for call in calls]
    assert sorted(response.status_code for response in responses) == [200] * 4 + [503] * 16
    assert {response.json().get("type") for response in responses if response.status_code == 503} == {"overloaded"}
    assert {response.headers.get("Retry-After") for response in responses if response.status_code == 503} == {"1"}
    assert len(remote.requests) == 4


def test_a_disconnect_ends_the_upstream_call_without_retries(service, remote):
    hung_up = threading.Event()

    def respond(handler):
        if not handler.connection.recv(1):  # returns when the service closes the connection
            hung_up.set()

    remote.respond = respond
    head = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    for number in range(1, 6):
        hung_up.clear()
        with connect(service) as connection:
            connection.sendall(head + b'{"prompt": "x"}')
            assert remote.arrived.acquire(timeout=20)
        assert hung_up.wait(20)
        until(lambda number=number: sum('"client_disconnected"' in line for line in service.lines) == number)
    assert len(remote.requests) == 5
    remote.respond = lambda handler: reply(handler, chat_response("Hi."))
    assert service.post("/v1/text/generate", prompt="x").status_code == 200


def test_a_pipelined_request_is_not_taken_for_a_disconnect(service, remote):
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(20), reply(handler, chat_response("Hi.")))
    head = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    with connect(service) as connection:
        connection.sendall(head + b'{"prompt": "x"}')
        assert remote.arrived.acquire(timeout=20)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        release.set()
        assert read_until_closed(connection).count(b"200 OK") == 2


def test_the_reserved_slots_are_for_health_checks(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="20")
    release = threading.Event()
    remote.respond = lambda handler: (release.wait(20), reply(handler, chat_response("Hi.")))

    def generate():
        response = service.post("/v1/text/generate", prompt="x")
        return response.status_code, response.headers["Connection"], response.headers.get("Retry-After")

    with ThreadPoolExecutor(19) as pool:
        calls = [pool.submit(generate) for _ in range(19)]
        for _ in calls:
            assert remote.arrived.acquire(timeout=20)
        assert generate() == (503, "close", "1")
        for route in ("/health", "/health/ready", "/metrics"):
            assert service.get(route).status_code == 200
        release.set()
        assert {call.result()[0] for call in calls} == {200}
    until(lambda: generate() == (200, "keep-alive", None))


def test_idle_connections_are_closed_for_new_ones(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SERVER_MAX_CONNECTIONS="20")
    idle = []
    for _ in range(19):
        idle.append(connect(service))
        idle[-1].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_response(idle[-1])[0] == 200
    assert service.post("/v1/text/generate", prompt="x").status_code == 200
    for connection in idle:
        assert connection.recv(1) == b""
        connection.close()


def test_a_disconnect_is_noticed_behind_pipelined_bytes(service, remote):
    hung_up = threading.Event()
    remote.respond = lambda handler: handler.connection.recv(1) or hung_up.set()
    head = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    with connect(service) as connection:
        connection.sendall(head + b'{"prompt": "x"}\r\n')
        assert remote.arrived.acquire(timeout=20)
    assert hung_up.wait(10)
