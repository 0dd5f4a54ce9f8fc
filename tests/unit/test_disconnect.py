"""Noticing that the client of a request has disconnected."""

import socket
import struct

import gevent
import pytest

from app.context import disconnect
from app.context.disconnect import ClientConnection
from app.errors import ClientDisconnected

LONG = 20
# several times the delays below, so that a watcher would have acted
WAIT = 0.03


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch):
    monkeypatch.setattr(disconnect, "WATCH_DELAY_SECONDS", 0.001)
    monkeypatch.setattr(disconnect, "POLL_SECONDS", 0.001)


def test_a_block_shorter_than_the_delay_is_not_watched(connection, monkeypatch):
    monkeypatch.setattr(disconnect, "WATCH_DELAY_SECONDS", LONG)
    client, served = connection
    client.close()
    connection = ClientConnection(served)
    with connection.cancel_on_disconnect():
        gevent.sleep(WAIT)
    assert not connection.disconnected


@pytest.mark.parametrize("disconnects", [socket.socket.close, reset], ids=["close", "reset"])
def test_a_disconnect_ends_the_block_and_prevents_later_blocks(connection, disconnects):
    client, served = connection
    connection = ClientConnection(served)
    gevent.spawn(disconnects, client)
    with pytest.raises(ClientDisconnected), connection.cancel_on_disconnect():
        gevent.sleep(LONG)
    with pytest.raises(ClientDisconnected), connection.cancel_on_disconnect():
        pytest.fail("the block ran after the disconnect")


def test_pipelined_data_is_not_a_disconnect(connection):
    client, served = connection
    connection = ClientConnection(served)
    client.sendall(b"GET")
    with connection.cancel_on_disconnect():
        gevent.sleep(WAIT)
    assert not connection.disconnected


def test_a_disconnect_after_pipelined_data_ends_the_block(connection):
    client, served = connection
    client.sendall(b"GET ")
    gevent.spawn_later(0.01, client.close)
    with pytest.raises(ClientDisconnected), ClientConnection(served).cancel_on_disconnect():
        gevent.sleep(LONG)


@pytest.mark.parametrize("data", [b"", b"GET "], ids=["idle", "pipelined"])
def test_a_disconnect_after_the_block_calls_nothing(connection, data):
    client, served = connection
    connection, calls = ClientConnection(served), []
    client.sendall(data)
    with connection.on_disconnect(lambda: calls.append("called")):
        gevent.sleep(WAIT)
    client.close()
    gevent.sleep(WAIT)
    assert not calls
    assert not connection.disconnected


def test_without_a_socket_there_is_never_a_disconnect():
    with ClientConnection(None).cancel_on_disconnect():
        pass
