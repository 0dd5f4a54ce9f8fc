"""Watches whether the caller of a request is still there."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any

import gevent
from gevent.core import READ

from app.errors import ClientDisconnected

# the first byte of Linux' struct tcp_info
TCP_ESTABLISHED = 1
ASK_SECONDS = 0.25
# what is over by then is not worth the calls to the system that a watch takes
UNWATCHED_SECONDS = 0.1

_NOBODY = nullcontext()


class ClientConnection:
    """The other end of a request's connection; without one (a test client has none) the caller never leaves."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        self.disconnected = False

    def cancel_on_disconnect(self) -> AbstractContextManager[None]:
        """Raise ClientDisconnected in the block when the client disconnects, after UNWATCHED_SECONDS or later."""
        return self.on_disconnect(partial(gevent.getcurrent().throw, ClientDisconnected))

    def on_disconnect(self, hung_up: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `hung_up`, which must not block, on a disconnect; raise ClientDisconnected if it came before."""
        if self.disconnected:
            raise ClientDisconnected
        return _NOBODY if self._connection is None else _Watch(self, self._connection, hung_up)


class _Watch(AbstractContextManager[None]):
    """One block's watch: `over` once the block has ended, so that nothing is told behind it.

    A caller that hangs up makes its connection readable, with nothing to read. Where bytes were sent ahead, such as the
    next request, it is readable all the time, and its state has to be asked for now and then.
    """

    def __init__(self, caller: ClientConnection, connection: socket.socket, hung_up: Callable[[], None]) -> None:
        self._over = False
        self._caller = caller
        self._connection = connection
        self._hung_up = hung_up
        self._loop = gevent.get_hub().loop
        self._timer = self._loop.timer(UNWATCHED_SECONDS)
        self._readable: Any = None

    def __enter__(self) -> None:
        self._timer.start(self._watch)

    def __exit__(self, *_end: object) -> None:
        self._over = True
        self._timer.close()
        if self._readable is not None:
            self._readable.stop()
            self._readable.close()

    def _watch(self) -> None:
        self._readable = self._loop.io(self._connection.fileno(), READ)
        self._readable.start(self._look)

    def _look(self) -> None:
        """Find out, in the event loop and without a wait, why the connection is readable."""
        self._readable.stop()
        with suppress(OSError):  # reset
            if self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                gevent.spawn(self._ask)
                return
        self._tell()

    def _ask(self) -> None:
        with suppress(OSError):  # reset
            while not self._over and self._is_established():
                gevent.sleep(ASK_SECONDS)
        gevent.get_hub().loop.run_callback(self._tell)

    def _is_established(self) -> bool:
        return self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED

    def _tell(self) -> None:
        if not self._over:
            self._caller.disconnected = True
            self._hung_up()
