"""Large and hostile bodies: the memory of a worker is bounded, and returned."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from support.keys import made
from support.servers import LONG_SECONDS, chat_response, reply

JSON = {"Content-Type": "application/json"}
MIB = 1024  # of the kernel's kB
# the raw body of 15 MiB twice while it is read, and up to 30 MiB of values
MAX_PEAK = 80 * MIB
MAX_RETAINED = 15 * MIB


def memory(pid, field):
    """Return a figure of /proc/PID/status in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field)))


def worker_of(service):
    return next(one.pid for one in service.processes() if one.pid != service.process.pid)


def conversation(size, **fields):
    """Return a body of `size` bytes. Its emoji makes each character take four bytes in memory."""
    body = {**fields, "messages": [{"role": "user", "content": "\N{GRINNING FACE}"}]}
    body["messages"][0]["content"] += "x" * (size - len(encoded(body)))
    return encoded(body)


def encoded(body):
    return json.dumps(body, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("chat/completions", b'{"messages":[' + b"1," * 8_000_000 + b"1]}"),
        ("chat/completions", b'{"messages":[' + b"{}," * 99_000 + b"{}]}"),
        ("completions", b'{"prompt":[' + b"[1]," * 4_000_000 + b"[1]]}"),
        ("chat/completions", b"{" + b",".join(b'"k%d":1' % number for number in range(95_000)) + b"}"),
        ("embeddings", b'{"input":[' + b'"",' * 2_000_000 + b'""]}'),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_body_of_many_values_takes_little_memory(service, route, body):
    service.post("/v1/chat/completions", messages=[{"role": "user", "content": "Hi."}])
    worker = worker_of(service)
    before = memory(worker, "VmRSS")
    for _ in range(8):
        response = requests.post(f"{service.url}/v1/{route}", data=body, headers=JSON, timeout=60)
        assert response.status_code == 400
        assert len(response.content) < 20_000
    assert memory(worker, "VmHWM") - before < MAX_PEAK
    assert memory(worker, "VmRSS") - before < MAX_RETAINED


@pytest.fixture
def ended(remote):
    """The event that ends the responses to large bodies; streams have sent a first event before."""
    event = threading.Event()

    def respond(handler):
        large = len(handler.asked["messages"][0]["content"]) > 64 * 1024
        stream, handler.asked = handler.asked.get("stream"), None
        if stream:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.end_headers()
            handler.wfile.write(b'data: {"choices":[{"index":0,"delta":{"content":"Hi."}}]}\n\n')
            handler.close_connection = True
        if large:
            event.wait(LONG_SECONDS)
        if stream:
            handler.wfile.write(
                b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            )
        else:
            reply(handler, chat_response("Hi."))

    remote.respond = respond
    yield event
    event.set()


def post(service, body, key=""):
    return requests.post(
        f"{service.url}/v1/chat/completions", data=body, headers={**JSON, "X-API-Key": key}, timeout=2 * LONG_SECONDS
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mebibytes", [2, 16])
def test_large_bodies_at_once_take_the_memory_of_one(start, remote, ended, mebibytes, stream):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", MAX_BODY_BYTES=f"{mebibytes}MiB")
    assert post(service, conversation(200, stream=stream)).status_code == 200
    assert remote.arrived.acquire(timeout=LONG_SECONDS)
    before = memory(worker_of(service), "VmRSS")
    bodies = [conversation(mebibytes * 1024**2 - number, stream=stream) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        responses = [pool.submit(post, service, body) for body in bodies]
        for _ in responses if stream else ():  # open streams hold no bodies, so all of them run at once
            assert remote.arrived.acquire(timeout=LONG_SECONDS)
        ended.set()
    assert {one.result().status_code for one in responses} == {200}
    assert memory(worker_of(service), "VmHWM") - before < 8 * mebibytes * MIB + 4 * MIB
    assert mebibytes > 2 or memory(worker_of(service), "VmHWM") < 128 * MIB  # as in the manifests for Kubernetes


@pytest.mark.parametrize("chunked", [False, True])
def test_the_large_bodies_of_a_client_get_their_turn_or_a_503(start, remote, ended, chunked):
    (one, one_line), (other, other_line) = made("one"), made("other")
    service = start(
        OPENAI_BASE_URL=f"{remote.url}/v1",
        MAX_BODY_BYTES="1MiB",
        SERVER_READ_TIMEOUT="0.5",
        API_KEYS=f"{one_line},{other_line}",
    )

    def send(size, key):
        body = conversation(size)
        return post(service, iter([body]) if chunked else body, key)

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(send, 1_000_000, one)
        assert remote.arrived.acquire(timeout=LONG_SECONDS)
        refused = send(900_000, one)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json()["error"]["type"] == "overloaded"
        assert send(60_000, one).status_code == 200
        assert remote.arrived.acquire(timeout=LONG_SECONDS)
        second = pool.submit(send, 1_000_000, other)
        assert remote.arrived.acquire(timeout=LONG_SECONDS)
        ended.set()
        assert [first.result().status_code, second.result().status_code] == [200, 200]
    assert send(900_000, one).status_code == 200
