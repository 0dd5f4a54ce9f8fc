"""Watching whether the caller is still there."""

import socket
import struct

import gevent
import pytest

from app.context import disconnect as caller_module
from app.context.disconnect import ClientConnection, _Watch
from app.errors import ClientDisconnected

LONG = 20


def reset(other):
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    other.close()


@pytest.fixture(autouse=True)
def _watched_at_once(monkeypatch):
    monkeypatch.setattr(caller_module, "UNWATCHED_SECONDS", 0.001)


def test_a_wait_that_is_soon_over_is_not_watched(connection, monkeypatch):
    monkeypatch.setattr(caller_module, "UNWATCHED_SECONDS", LONG)
    watch = ClientConnection(connection[1]).cancel_on_disconnect()
    with watch:
        gevent.sleep(0)
    assert watch._readable is None


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["closes", "resets"])
def test_whatever_waits_ends_when_the_caller_leaves_and_nothing_more_begins(connection, leave):
    other, served = connection
    caller = ClientConnection(served)
    gevent.spawn(leave, other)
    with pytest.raises(ClientDisconnected), caller.cancel_on_disconnect():
        gevent.sleep(LONG)
    with pytest.raises(ClientDisconnected), caller.cancel_on_disconnect():
        pytest.fail("a caller that left was served")


def test_a_caller_that_sends_ahead_has_not_left(connection):
    other, served = connection
    caller = ClientConnection(served)
    other.sendall(b"GET")
    with caller.cancel_on_disconnect():
        gevent.sleep(0.01)
    assert not caller.disconnected


def test_a_caller_that_sends_ahead_and_leaves_has_left(connection):
    ahead, served = connection
    ahead.sendall(b"GET ")
    gevent.spawn_later(0.01, ahead.close)
    with pytest.raises(ClientDisconnected), ClientConnection(served).cancel_on_disconnect():
        gevent.sleep(LONG)


def test_nothing_is_raised_once_the_block_is_over(connection):
    told = []
    watch = _Watch(ClientConnection(connection[1]), connection[1], lambda: told.append(True))
    with watch:
        pass
    watch._tell()
    assert not told


def test_without_a_connection_nobody_leaves():
    with ClientConnection(None).cancel_on_disconnect():
        pass
