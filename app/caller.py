"""Watches whether the caller of a request is still there."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import gevent
from gevent.socket import wait_read

from app.errors import CallerLeft

# the first byte of Linux' struct tcp_info
TCP_ESTABLISHED = 1
ASK_SECONDS = 0.25


class Caller:
    """The other end of a request's connection; without one (a test client has none) the caller never leaves."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        self.left = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Raise CallerLeft in the block as soon as the caller hangs up, whatever the block is waiting for."""
        watched = gevent.getcurrent()
        with self.telling(lambda: watched.throw(CallerLeft())):
            yield

    @contextmanager
    def telling(self, hung_up: Callable[[], None]) -> Iterator[None]:
        """Call `hung_up`, which may not wait, as soon as the caller hangs up in the block; raise CallerLeft before."""
        if self.left:
            raise CallerLeft
        if self._connection is None:
            yield
            return
        watch = _Watch(self, self._connection, hung_up)
        watcher = gevent.spawn(watch.run)
        try:
            yield
        finally:
            watch.over = True
            watcher.kill(block=False)


class _Watch:
    """One block's watch: `over` once the block has ended, so that nothing is told behind it."""

    def __init__(self, caller: Caller, connection: socket.socket, hung_up: Callable[[], None]) -> None:
        self.over = False
        self._caller = caller
        self._connection = connection
        self._hung_up = hung_up

    def run(self) -> None:
        """Wait for the hang-up: the connection is readable, and there is nothing to read.

        Where bytes were sent ahead, such as the next request, it stays readable, and its state has to be asked for.
        """
        wait_read(self._connection.fileno())
        with suppress(OSError):  # reset
            if self._connection.recv(1, socket.MSG_PEEK):
                while self._is_established():
                    gevent.sleep(ASK_SECONDS)
        self._caller.left = True
        gevent.get_hub().loop.run_callback(self._tell)

    def _is_established(self) -> bool:
        return self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED

    def _tell(self) -> None:
        if not self.over:
            self._hung_up()
