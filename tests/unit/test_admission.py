"""Who keeps a place when places run short."""

import math
import socket
from contextlib import ExitStack

import gevent
import pytest

from app.server import admission
from app.server.admission import ConnectionLimiter
from app.server.client_socket import ClientSocket

SIZE = 20


@pytest.fixture
def now(monkeypatch):
    """The places' clock, which stands still unless the test moves it."""
    time = [1000.0]
    monkeypatch.setattr(admission.time, "monotonic", lambda: time[0])
    return time


@pytest.fixture
def pair():
    """Make both ends of connections: the caller's, and the server's."""
    with ExitStack() as opened:

        def make():
            caller, served = socket.socketpair()
            ends = opened.enter_context(caller), opened.enter_context(ClientSocket(served))
            caller.settimeout(5)
            return ends

        yield make


@pytest.fixture
def many(pair, now):
    """Places of which all but the reserved one are taken; and their connections, both ends."""
    taken = ConnectionLimiter(SIZE)
    ends = [pair() for _ in range(SIZE - 1)]
    for _, served in ends:
        taken.register(served)
    yield taken, ends
    for _, served in ends:  # or it would look for slow ones for ever
        taken.unregister(served)


def receive(connection):
    return gevent.spawn(connection.recv, 1)


def is_cut(caller):
    caller.setblocking(False)
    try:
        return caller.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_places_are_short_when_none_but_the_reserved_ones_are_left(many, pair):
    taken, _ = many
    assert not taken.saturated
    _, one_more = pair()
    taken.register(one_more)
    assert taken.saturated
    taken.unregister(one_more)
    assert not taken.saturated


def test_where_places_run_short_those_waited_for_longest_are_cut_and_those_who_wait_are_not(many, pair, now):
    taken, ends = many
    readers = []
    for _, served in ends[:5]:
        now[0] += 1
        served.set_read_deadline(None)
        readers.append(receive(served))
    gevent.sleep(0)
    now[0] += 1
    taken.register(pair()[1])
    taken.evict()
    # twenty were taken, seventeen are kept
    assert [is_cut(caller) for caller, _ in ends] == [True] * 3 + [False] * (SIZE - 4)
    for reader in readers[:3]:
        with pytest.raises(OSError, match="closed"):
            reader.get(timeout=5)
    gevent.killall(readers)


def test_who_is_waited_for_since_a_moment_is_not_cut(many, pair, now):
    taken, ends = many
    readers = [receive(served) for _, served in ends]
    gevent.sleep(0)
    now[0] += admission.MIN_STALL_SECONDS / 2
    taken.register(pair()[1])
    taken.evict()
    assert not any(is_cut(caller) for caller, _ in ends)
    gevent.killall(readers)


def test_who_does_not_take_an_answer_is_cut(many, pair, now):
    taken, ends = many
    _, served = ends[0]
    writer = gevent.spawn(served.sendall, bytes(10_000_000))
    gevent.sleep(0)
    now[0] += 1
    taken.register(pair()[1])
    taken.evict()
    with pytest.raises(OSError, match="closed"):
        writer.get(timeout=5)


def test_a_peek_beside_an_answer_does_not_hide_that_it_is_not_taken(pair, now):
    caller, served = pair()
    writer = gevent.spawn(served.sendall, bytes(10_000_000))
    gevent.sleep(0)
    caller.sendall(b"x")
    assert served.recv(1, socket.MSG_PEEK) == b"x"
    assert served.stalled_since == now[0]
    gevent.kill(writer)


def test_nobody_is_looked_for_while_there_are_places_or_twice_at_once(many, pair, now):
    taken, ends = many
    readers = [receive(ends[0][1])]
    gevent.sleep(0)
    now[0] += 1
    taken.evict()
    assert not is_cut(ends[0][0])
    taken.register(pair()[1])
    taken.evict()
    assert is_cut(ends[0][0])
    readers.append(receive(ends[1][1]))
    gevent.sleep(0)
    taken.register(pair()[1])
    taken.register(pair()[1])
    now[0] += admission.EVICTION_INTERVAL_SECONDS / 2
    taken.evict()
    assert not is_cut(ends[1][0])
    gevent.killall(readers)


def test_places_that_run_short_are_made_without_another_request(many, pair, now):
    taken, ends = many
    reader = receive(ends[0][1])
    gevent.sleep(0)
    now[0] += 1
    taken.register(pair()[1])
    with pytest.raises(OSError, match="closed"):
        reader.get(timeout=5)
    assert not taken.saturated


def test_idle_connections_make_way_kept_ones_at_once_and_new_ones_after_a_moment(many, now):
    taken, ends = many
    taken.mark_idle(ends[0][1], kept=True)
    taken.mark_idle(ends[1][1], kept=False)
    taken.evict()
    assert (is_cut(ends[0][0]), is_cut(ends[1][0])) == (True, False)
    now[0] += admission.MIN_STALL_SECONDS
    taken.evict()
    assert is_cut(ends[1][0])


def test_a_connection_that_waits_no_more_is_not_closed_as_idle(many):
    taken, ends = many
    taken.mark_idle(ends[0][1], kept=True)
    taken.mark_active(ends[0][1])
    taken.close_idle(by=math.inf)
    assert not is_cut(ends[0][0])


def test_closing_and_cutting_pass_over_those_that_are_gone(many, pair):
    taken, ends = many
    for _, served in ends[:2]:
        served.close()
    ends[1][1].reset()
    taken.mark_idle(ends[0][1], kept=True)
    taken.mark_idle(ends[2][1], kept=True)
    taken.close_idle(by=math.inf)
    assert is_cut(ends[2][0])


def test_a_connection_whose_time_is_over_reads_once_more_and_then_no_more(pair, now):
    caller, served = pair()
    caller.sendall(b"ab")
    served.set_read_deadline(10)
    now[0] += 11
    assert served.recv(1) == b"a"
    with pytest.raises(TimeoutError):
        served.recv(1)
    served.set_read_deadline(10)
    assert served.recv(1) == b"b"
