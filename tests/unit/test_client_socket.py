"""ClientSocket: deadlines of reads, and since when a client stalls the server."""

import math
import socket
import struct
from contextlib import ExitStack

import gevent
import pytest
from gevent.socket import wait_read
from support.clock import fake_clock

from app.server import client_socket
from app.server.client_socket import ClientSocket

LARGE = bytes(10_000_000)


@pytest.fixture
def now(monkeypatch):
    """The clock of the sockets, which only the test moves."""
    return fake_clock(monkeypatch, client_socket)


@pytest.fixture
def ends():
    """Both ends of one connection: the client's and the server's."""
    with ExitStack() as opened:
        client, accepted = socket.socketpair()
        client.settimeout(5)
        yield opened.enter_context(client), opened.enter_context(ClientSocket(accepted))


def started(call, *arguments):
    greenlet = gevent.spawn(call, *arguments)
    gevent.sleep(0)
    return greenlet


def test_a_connection_is_not_stalled_while_the_server_does_not_wait_for_it(ends):
    assert ends[1].stalled_since == math.inf


def test_a_read_stalls_since_the_request_started(ends, now):
    _, served = ends
    served.set_read_deadline(10)
    now.advance(3)
    reading = started(served.recv, 1)
    assert served.stalled_since == 1000.0
    reading.kill()
    assert served.stalled_since == math.inf


@pytest.mark.parametrize("method", ["send", "sendall"])
def test_a_write_stalls_since_it_started(ends, now, method):
    _, served = ends
    while True:  # until the kernel takes no more
        try:
            served.setblocking(False)
            served.send(LARGE)
        except BlockingIOError:
            break
    served.setblocking(True)
    now.advance(3)
    writing = started(getattr(served, method), b"x")
    assert served.stalled_since == 1003.0
    writing.kill()


def test_a_client_that_takes_a_response_in_small_parts_stalls_since_the_response_started(ends, now):
    client, served = ends
    writing = started(served.sendall, LARGE)
    now.advance(3)
    client.recv(1_000_000)
    gevent.sleep(0.01)
    assert served.stalled_since == 1000.0
    writing.kill()


def test_a_peek_during_a_write_does_not_hide_the_stall(ends, now):
    client, served = ends
    writing = started(served.sendall, LARGE)
    client.sendall(b"x")
    assert served.recv(1, socket.MSG_PEEK) == b"x"
    assert served.stalled_since == now.monotonic()
    writing.kill()


def test_sendall_sends_everything(ends):
    client, served = ends
    writing = started(served.sendall, LARGE)
    received = bytearray()
    while len(received) < len(LARGE):
        wait_read(client.fileno(), timeout=5)
        received += client.recv(1_000_000)
    assert received == LARGE
    writing.get(timeout=5)


def test_after_its_deadline_a_connection_reads_once_more_and_then_times_out(ends, now):
    client, served = ends
    client.sendall(b"ab")
    served.set_read_deadline(10)
    now.advance(11)
    assert served.recv(1) == b"a"
    with pytest.raises(TimeoutError):
        served.recv(1)
    served.set_read_deadline(10)
    assert served.recv(1) == b"b"


def test_each_mebibyte_has_the_whole_time(ends, now, monkeypatch):
    monkeypatch.setattr(client_socket, "EXTENSION_BYTES", 4)  # instead of a MiB, which the kernel would not buffer
    client, served = ends
    client.sendall(b"abcdefghi")
    served.set_read_deadline(10)
    for received in (b"abcd", b"efgh", b"i"):
        now.advance(9)
        assert served.recv(len(received)) == received
    now.advance(4)
    client.sendall(b"j")
    assert served.recv(1) == b"j"  # the read after the deadline
    with pytest.raises(TimeoutError):
        served.recv(1)


def test_a_read_without_bytes_times_out_at_its_deadline(ends):
    ends[1].set_read_deadline(0.01)
    with pytest.raises(TimeoutError):
        ends[1].recv(1)


def test_a_lingering_close_ends_the_response_and_reads_the_rest_of_the_request(ends, monkeypatch):
    monkeypatch.setattr(client_socket, "LINGER_BYTES", 3)
    client, served = ends
    client.sendall(b"abcdef")
    served.lingering_close()
    assert client.recv(1) == b""


def test_a_lingering_close_waits_for_a_limited_time(ends, monkeypatch):
    monkeypatch.setattr(client_socket, "LINGER_SECONDS", 0.01)
    ends[1].lingering_close()


def test_a_reset_wakes_the_reader_and_discards_unsent_bytes(connection):
    _, accepted = connection
    with ClientSocket(accepted) as served:
        reading = started(served.recv, 100)
        served.reset()
        with pytest.raises(OSError, match="closed"):
            reading.get(timeout=5)
        assert served.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)


def test_a_reset_of_a_closed_connection_does_nothing(ends):
    ends[1].close()
    ends[1].reset()


def test_a_restarted_deadline_leaves_the_complete_time_again(ends, now):
    client, served = ends
    served.set_read_deadline(10)
    now.advance(9)
    served.restart_read_deadline()
    now.advance(9)
    client.sendall(b"x")
    assert served.recv(1) == b"x"
    now.advance(2)
    client.sendall(b"xx")
    assert served.recv(1) == b"x"  # one read may be late
    with pytest.raises(TimeoutError):
        served.recv(1)


def test_a_restart_without_a_deadline_sets_none(ends, now):
    client, served = ends
    served.restart_read_deadline()
    now.advance(1e6)
    client.sendall(b"xx")
    assert [served.recv(1), served.recv(1)] == [b"x", b"x"]
