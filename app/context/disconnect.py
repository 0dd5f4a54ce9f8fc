"""Notices that the client of a request has disconnected, while the request waits for something else."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any

import gevent
from gevent.core import READ

from app.errors import ClientDisconnected

# the first byte of `struct tcp_info` (linux/tcp.h) is the state of the connection
TCP_ESTABLISHED = 1
POLL_SECONDS = 0.25
# Most blocks end sooner than this, and a watcher costs an epoll_ctl call to add and one to remove.
WATCH_DELAY_SECONDS = 0.1

_NO_WATCH = nullcontext()


class ClientConnection:
    """The connection of a request's client. Without a socket, as in a test client, it never disconnects."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        self.disconnected = False

    def cancel_on_disconnect(self) -> AbstractContextManager[None]:
        """Raise ClientDisconnected in the block when the client disconnects, after WATCH_DELAY_SECONDS or later."""
        return self.on_disconnect(partial(gevent.getcurrent().throw, ClientDisconnected))

    def on_disconnect(self, callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `callback`, which must not block, when the client disconnects during the block.

        Raises ClientDisconnected if the client has disconnected before.
        """
        if self.disconnected:
            raise ClientDisconnected
        return _NO_WATCH if self._connection is None else _DisconnectWatch(self, self._connection, callback)


class _DisconnectWatch(AbstractContextManager[None]):
    """Watches the socket during one block; after the block the callback is never called.

    A disconnect makes the socket readable, and a read returns nothing. If the client has sent data ahead, such as a
    pipelined request, the socket stays readable, so its TCP state is polled instead.
    """

    def __init__(self, client: ClientConnection, connection: socket.socket, callback: Callable[[], None]) -> None:
        self._ended = False
        self._client = client
        self._connection = connection
        self._callback = callback
        self._loop = gevent.get_hub().loop
        self._timer = self._loop.timer(WATCH_DELAY_SECONDS)
        self._read_watcher: Any = None

    def __enter__(self) -> None:
        self._timer.start(self._start)

    def __exit__(self, *_error: object) -> None:
        self._ended = True
        self._timer.close()
        if self._read_watcher is not None:
            self._read_watcher.stop()
            self._read_watcher.close()

    def _start(self) -> None:
        self._read_watcher = self._loop.io(self._connection.fileno(), READ)
        self._read_watcher.start(self._on_readable)

    def _on_readable(self) -> None:
        """Find the reason without blocking: this runs in the event loop."""
        self._read_watcher.stop()
        with suppress(OSError):  # a reset
            if self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                gevent.spawn(self._poll)
                return
        self._notify()

    def _poll(self) -> None:
        with suppress(OSError):  # a reset
            while not self._ended and self._is_established():
                gevent.sleep(POLL_SECONDS)
        gevent.get_hub().loop.run_callback(self._notify)

    def _is_established(self) -> bool:
        return self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED

    def _notify(self) -> None:
        if not self._ended:
            self._client.disconnected = True
            self._callback()
