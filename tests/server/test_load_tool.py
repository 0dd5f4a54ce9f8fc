"""The load tool of the benchmarks, against servers with known responses."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from bench import CACHE, load
from bench.load import Load
from bench.wire import Request

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
REQUEST = Request("/", {"prompt": "Hi."}, mark="right", times=1, text="")
STREAM = Request("/", {"stream": True}, mark="tick", times=3, text="")
Respond = Callable[[socket.socket, int], None]


@pytest.fixture(autouse=True, scope="module")
def _tool() -> None:
    CACHE.mkdir(exist_ok=True)
    load.build()


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], int]]:
    """Return a function that starts a server. `respond` gets each connection and the number of its request."""
    listeners = []

    def start(respond: Respond) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_accept, args=(listener, respond), daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, respond: Respond) -> None:
    numbers = count()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_talk, args=(connection, respond, numbers), daemon=True).start()


def _talk(connection: socket.socket, respond: Respond, numbers: Iterator[int]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        try:
            while connection.recv(65536):
                respond(connection, next(numbers))
        except OSError:
            return


def send(connection: socket.socket, text: str, status: str = "200 OK") -> None:
    connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())


def test_responses_with_another_text_or_status_count_as_wrong(serve):
    def respond(connection: socket.socket, number: int) -> None:
        send(connection, "wrong" if number % 3 == 1 else "right", "500 No" if number % 3 == 2 else "200 OK")

    seen = load.run(Load(1, seconds=0.3), serve(respond), REQUEST)

    assert abs(seen["right"] - seen["wrong"] / 2) <= 1
    assert seen["right"] > 10
    assert abs(seen["statuses"]["500"] - seen["right"]) <= 1


def test_open_load_shows_a_stall_in_every_delayed_request(serve):
    def respond(connection: socket.socket, number: int) -> None:
        if number == 100:
            time.sleep(0.4)  # the stall
        send(connection, "right")

    def p90(rate: float) -> float:
        latency = load.run(Load(1, seconds=1.0, rate=rate, warm=0.2), serve(respond), REQUEST)["latency"]
        return float(latency["p90"])

    # the stall delays 80 of 200 requests a second; in a closed load it delays one
    assert p90(rate=200) > 100_000
    assert p90(rate=0) < 10_000


def test_request_without_a_response_counts_with_its_wait(serve):
    seen = load.run(Load(2, seconds=0.5, rate=50, warm=0.0), serve(lambda connection, number: None), REQUEST)

    assert seen["right"] == 0
    assert seen["latency"]["max"] > 400_000


def test_stream_is_right_only_with_all_events_across_any_chunks(serve):
    complete = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ntick 1\r\n9\r\n2tick 3ti\r\n2\r\nck\r\n0\r\n\r\n"
    )

    def respond(connection: socket.socket, number: int) -> None:
        sent = complete.replace(b"2tick", b"2tack") if number % 2 else complete
        for begin in range(0, len(sent), 7):
            connection.sendall(sent[begin : begin + 7])

    seen = load.run(Load(1, seconds=0.3), serve(respond), STREAM)

    assert abs(seen["right"] - seen["wrong"]) <= 1
    assert seen["right"] > 5
    assert 0 < seen["first"]["p50"] <= seen["latency"]["p50"]


def test_connection_closed_between_responses_is_reopened_and_within_a_response_counts_as_failed(serve):
    def close_between(connection: socket.socket, number: int) -> None:
        send(connection, "right")
        connection.shutdown(socket.SHUT_RDWR)

    def close_within(connection: socket.socket, number: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nright")
        connection.shutdown(socket.SHUT_RDWR)

    between = load.run(Load(1, seconds=0.3), serve(close_between), REQUEST)
    within = load.run(Load(1, seconds=0.3), serve(close_within), REQUEST)

    assert between["right"] > 10
    assert between["failed"] == between["wrong"] == 0
    assert within["right"] == 0
    assert within["failed"] > 10
