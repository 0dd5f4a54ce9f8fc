"""The gunicorn worker: gevent's, with time limits for the heads of requests and our error shape for its own errors."""

import errno
import logging
import math
import os
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.util import close
from gunicorn.workers.ggevent import GeventWorker

from app.answering import Answer
from app.config import Config
from app.embedded.launcher import Launcher
from app.environ import environ_of
from app.errors import Draining, InternalError, Overloaded, RequestTimeout
from app.lifecycle import ENDING_SIGNALS
from app.memory import return_large_blocks, spare_what_stays
from app.places import Connection, Places
from app.refusals import as_http, refusal
from app.requestid import accepted_or_new
from app.wire import Parser, settings

logger = logging.getLogger("app.access")

# an answer given before the whole body was read is lost if the connection closes over the rest: read this many times
# the size of the largest body that is accepted
DRAIN_FACTOR = 8
HEARTBEAT_SECONDS = 1.0
# how long a connection that was promised to be kept still is, once nothing new is accepted: a proxy that itself keeps
# connections for less never sends a request on one that is being closed
LAST_CALL_SECONDS = 2.0
LAST_WORD_SECONDS = 1.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# what is served on the last places too
UNREFUSED = ("/health", "/metrics")

_CALLER_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF, errno.ETIMEDOUT)


class _Server(StreamServer):
    """Accepts to the last: a connection that the kernel has made already is reset when its listener closes."""

    def close(self) -> None:
        """Accept what waits to be accepted, and stop listening."""
        self.stop_accepting()
        while accepted := self.do_read():
            self.do_handle(*accepted)
        super().close()


class Worker(GeventWorker):
    """Serves connections one request after the other."""

    alive: bool
    engine: Launcher | None = None  # set by gunicorn.conf.py where there is one

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        config = Config.from_env()
        self._read_timeout = config.server_read_timeout
        self._write_timeout_ms = math.ceil(config.server_write_timeout * 1000)
        self._drain_bytes = DRAIN_FACTOR * config.max_body_bytes
        self._idle_timeout = config.server_idle_timeout
        self._drain_delay = config.drain_delay
        self._shutdown_grace = config.shutdown_grace
        self._settings = settings(self.cfg)
        self._places = Places(self.worker_connections)
        self._ending = Event()
        self._connections = Pool(self.worker_connections)

    def init_signals(self) -> None:
        """Set the handlers, and take what was sent before they were there; gunicorn.conf.py holds it back."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)

    def run(self) -> None:
        """Serve until told to end; then accept nothing new, and give requests in flight their grace."""
        return_large_blocks()
        spare_what_stays()
        self.wsgi.extensions["metrics"].process.arbiter = self.ppid
        servers = self._listen()
        while self.alive:
            self.notify()
            self._ending.wait(HEARTBEAT_SECONDS)
        for server in servers:
            server.close()
        end = time.monotonic() + self._shutdown_grace
        while not self._connections.join(HEARTBEAT_SECONDS) and time.monotonic() < end:
            self.notify()
        if left := len(self._connections):
            self.log.warning("SHUTDOWN_GRACE is over; %d connections are cut", left)
            # requests are answered with it, streams end with it
            self._connections.kill(Draining, timeout=LAST_WORD_SECONDS)
            with gevent.Timeout(HEARTBEAT_SECONDS, False):
                gevent.killall(list(self._connections))  # the pool's own kill leaves out whom it killed before
        self.wsgi.extensions["tracing"].close()

    def _listen(self) -> list[_Server]:
        servers = [
            _Server(one, handle=partial(self.handle, one.getsockname()), spawn=self._connections)
            for one in self.sockets
        ]
        for server in servers:
            server.max_accept = 1 if self.cfg.workers > 1 else server.max_accept
            server.start()
        return servers

    def handle(self, listener_name: Any, client: Any, addr: Any) -> None:
        """Serve a connection until it closes, fails, or stays idle for too long; the listener may be gone meanwhile."""
        connection = Connection(client)
        self._places.take(connection)
        try:
            # the kernel's own limit for bytes that the caller does not take; a socket's timeout would bound reads too
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._write_timeout_ms)
            self._serve(listener_name, connection, addr)
        except (StopIteration, NoMoreData):
            pass  # an ordinary end
        except OSError as error:
            if error.errno not in _CALLER_GONE:
                self.log.exception("socket error")
        except Exception as error:
            self.handle_error(None, connection, addr, error)
        finally:
            self._places.leave(connection)
            close(connection)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Serve one request; raise StopIteration where the connection closes behind the answer.

        Of gunicorn's own it leaves out what is not used here: hooks, files, and an end after so many requests.
        """
        answer = Answer(req, sock, self._settings)
        if not self.alive:
            answer.force_close()
        if req._expected_100_continue:
            sock.sendall(CONTINUE)
        answer.give(self.wsgi, environ_of(req, sock, addr, listener_name))
        if answer.should_close():
            raise StopIteration

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what gunicorn itself refuses in the one shape of all errors, and log it like any request."""
        error = refusal(exc)
        if isinstance(error, InternalError):
            self.log.error("unhandled %s", type(exc).__name__, exc_info=exc)
        request_id = accepted_or_new(None)
        fields = {"request_id": request_id, "status": error.status, "client": addr[0], "error": error.type}
        self.wsgi.extensions["metrics"].http.refused(error.status)
        logger.info("refused with %(status)d %(error)s", fields)
        with suppress(OSError):  # the caller has gone
            client.sendall(as_http(error, request_id))
        client.linger()

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """On SIGTERM: readiness says so at once; after DRAIN_DELAY nothing new is accepted, and requests finish."""
        app = getattr(self, "wsgi", None)
        if app is not None:
            app.extensions["lifecycle"].draining = True
        gevent.spawn_later(self._drain_delay, self._end, sig, frame)

    def _end(self, sig: Any, frame: Any) -> None:
        super().handle_exit(sig, frame)
        self._ending.set()

    def notify(self) -> None:
        """The heartbeat, once a second, which closes connections that were idle for too long.

        A worker whose embedded engine has lost its supervisor ends: with the next worker the arbiter starts a new one.
        """
        super().notify()
        if self.alive and self.engine and not self.engine.running():
            self.log.error("the supervisor of the embedded engine is gone; ending, to have both started again")
            self.alive = False
        self._places.close_idle(time.monotonic() - (self._idle_timeout if self.alive else LAST_CALL_SECONDS))

    def handle_quit(self, sig: Any, frame: Any) -> None:
        """On SIGINT and SIGQUIT: end at once; nothing here needs an orderly end."""
        os._exit(0)

    def _serve(self, listener_name: Any, client: Connection, addr: Any) -> None:
        parser = Parser(self._settings, client, addr)
        while parser.is_at_end or self._drained(client, parser):
            if parser.holds_bytes():
                parser.turns.rest()
            elif not self._request_begins(client, parser):
                return
            client.begin(self._read_timeout)
            try:
                request = next(parser)
            except TimeoutError:
                raise RequestTimeout from None
            client.begin(self._read_timeout)  # to read its body
            self._make_room(request)
            try:
                self.handle_request(listener_name, request, client, addr)
            except StopIteration:  # the answer said that the connection closes
                break
        client.linger()

    def _make_room(self, request: Any) -> None:
        """Keep no connection that takes one of the last places, and serve UNREFUSED only where no other makes way.

        Raises Overloaded.
        """
        if not self._places.short:
            return
        request.force_close()
        self._places.make_way()
        if self._places.short and not request.path.startswith(UNREFUSED):
            raise Overloaded

    def _drained(self, client: Connection, parser: Parser) -> bool:
        """Read what is left of the last request's body; tell whether the next request can begin."""
        client.begin(self._read_timeout)
        with suppress(ParseException):  # malformed, after the answer was given
            drained: bool = parser.finish_body(max_bytes=self._drain_bytes)
            return drained
        return False

    def _request_begins(self, client: Connection, parser: Parser) -> bool:
        """Wait for the next request's first byte, or for the end; tell False where the worker ends first.

        A stopping server waits too: for who connected before it stopped listening, and for who was told that the
        connection is kept. Its answers say that the connection closes.
        """
        try:
            self._places.idle(client, kept=parser.req_count > 0)
            client.wait_readable()
        except Draining:
            return False
        finally:
            self._places.busy(client)
        parser.turns.begin()
        return True
