"""ConnectionLimiter: which connections lose their slots when slots run short."""

import math
import socket
from contextlib import ExitStack

import gevent
import pytest
from support.clock import fake_clock

from app.server import admission, client_socket
from app.server.admission import ConnectionLimiter
from app.server.client_socket import ClientSocket

SIZE = 20


@pytest.fixture
def now(monkeypatch):
    """The limiter's clock, which only the test moves."""
    return fake_clock(monkeypatch, admission, client_socket)


@pytest.fixture
def pair():
    """Make both ends of connections: the client's and the server's."""
    with ExitStack() as opened:

        def make():
            client, accepted = socket.socketpair()
            ends = opened.enter_context(client), opened.enter_context(ClientSocket(accepted))
            client.settimeout(5)
            return ends

        yield make


@pytest.fixture
def full(pair, now):
    """A limiter of which only the reserved slot is free, and both ends of its connections."""
    limiter = ConnectionLimiter(SIZE)
    ends = [pair() for _ in range(SIZE - 1)]
    for _, served in ends:
        limiter.register(served)
    yield limiter, ends
    for _, served in ends:  # otherwise its evictor would run for ever
        limiter.unregister(served)


def receive(connection):
    return gevent.spawn(connection.recv, 1)


def is_closed(client):
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_it_is_saturated_when_only_reserved_slots_are_left(full, pair):
    limiter, _ = full
    assert not limiter.saturated
    _, one_more = pair()
    limiter.register(one_more)
    assert limiter.saturated
    limiter.unregister(one_more)
    assert not limiter.saturated


def test_the_longest_stalls_are_evicted_down_to_the_low_watermark(full, pair, now, caplog):
    limiter, ends = full
    readers = []
    for _, served in ends[:5]:
        now.advance(1)
        served.set_read_deadline(None)
        readers.append(receive(served))
    gevent.sleep(0)
    now.advance(1)
    limiter.register(pair()[1])
    limiter.evict()
    # of twenty slots seventeen stay in use
    assert [is_closed(client) for client, _ in ends] == [True] * 3 + [False] * (SIZE - 4)
    for reader in readers[:3]:
        with pytest.raises(OSError, match="closed"):
            reader.get(timeout=5)
    assert "connection slots ran short (SERVER_MAX_CONNECTIONS); reset 3 slow clients" in caplog.messages
    gevent.killall(readers)


def test_a_short_stall_is_not_evicted(full, pair, now):
    limiter, ends = full
    readers = [receive(served) for _, served in ends]
    gevent.sleep(0)
    now.advance(admission.MIN_STALL_SECONDS / 2)
    limiter.register(pair()[1])
    limiter.evict()
    assert not any(is_closed(client) for client, _ in ends)
    gevent.killall(readers)


def test_a_client_that_does_not_read_its_response_is_evicted(full, pair, now):
    limiter, ends = full
    writer = gevent.spawn(ends[0][1].sendall, bytes(10_000_000))
    gevent.sleep(0)
    now.advance(1)
    limiter.register(pair()[1])
    limiter.evict()
    with pytest.raises(OSError, match="closed"):
        writer.get(timeout=5)


def test_eviction_runs_only_while_saturated_and_once_an_interval(full, pair, now):
    limiter, ends = full
    readers = [receive(ends[0][1])]
    gevent.sleep(0)
    now.advance(1)
    limiter.evict()
    assert not is_closed(ends[0][0])
    limiter.register(pair()[1])
    limiter.evict()
    assert is_closed(ends[0][0])
    readers.append(receive(ends[1][1]))
    gevent.sleep(0)
    limiter.register(pair()[1])
    limiter.register(pair()[1])
    now.advance(admission.EVICTION_INTERVAL_SECONDS / 2)
    limiter.evict()
    assert not is_closed(ends[1][0])
    gevent.killall(readers)


def test_a_saturated_limiter_evicts_without_another_request(full, pair, now):
    limiter, ends = full
    reader = receive(ends[0][1])
    gevent.sleep(0)
    now.advance(1)
    limiter.register(pair()[1])
    with pytest.raises(OSError, match="closed"):
        reader.get(timeout=5)
    assert not limiter.saturated


def test_eviction_closes_keep_alive_connections_at_once_and_new_ones_after_a_moment(full, now):
    limiter, ends = full
    limiter.mark_idle(ends[0][1], keep_alive=True)
    limiter.mark_idle(ends[1][1], keep_alive=False)
    limiter.evict()
    assert (is_closed(ends[0][0]), is_closed(ends[1][0])) == (True, False)
    now.advance(admission.MIN_STALL_SECONDS)
    limiter.evict()
    assert is_closed(ends[1][0])


def test_an_active_connection_is_not_closed_as_idle(full):
    limiter, ends = full
    limiter.mark_idle(ends[0][1], keep_alive=True)
    limiter.mark_active(ends[0][1])
    limiter.close_idle(by=math.inf)
    assert not is_closed(ends[0][0])


def test_connections_that_are_closed_already_are_skipped(full):
    limiter, ends = full
    for _, served in ends[:2]:
        served.close()
    limiter.mark_idle(ends[0][1], keep_alive=True)
    limiter.mark_idle(ends[2][1], keep_alive=True)
    limiter.close_idle(by=math.inf)
    assert is_closed(ends[2][0])
