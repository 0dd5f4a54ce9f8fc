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

from app.config import Config
from app.embedded.launcher import Launcher
from app.errors import ConnectionLimitReached, Draining, InternalError, RequestTimeout
from app.ids import request_id_or_new
from app.lifecycle import TERMINATION_SIGNALS
from app.server.admission import ConnectionLimiter
from app.server.client_socket import ClientSocket
from app.server.local_reply import serialize, to_service_error
from app.server.process_memory import freeze_startup_objects, limit_malloc_retention
from app.server.request_parser import StrictRequestParser, snapshot_settings
from app.server.response_writer import ResponseWriter
from app.server.wsgi_environ import environ_of

logger = logging.getLogger("app.access")

# an answer given before the whole body was read is lost if the connection closes over the rest: read this many times
# the size of the largest body that is accepted
MAX_DISCARD_FACTOR = 8
HEARTBEAT_SECONDS = 1.0
# how long a connection that was promised to be kept still is, once nothing new is accepted: a proxy that itself keeps
# connections for less never sends a request on one that is being closed
DRAIN_KEEPALIVE_SECONDS = 2.0
ABORT_GRACE_SECONDS = 1.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# what is served on the last places too
PRIORITY_PATHS = ("/health", "/metrics")

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
        self._drain_bytes = MAX_DISCARD_FACTOR * config.max_body_bytes
        self._idle_timeout = config.server_idle_timeout
        self._drain_delay = config.drain_delay
        self._shutdown_grace = config.shutdown_grace
        self._settings = snapshot_settings(self.cfg)
        self._limiter = ConnectionLimiter(self.worker_connections)
        self._ending = Event()
        self._connections = Pool(self.worker_connections)

    def init_signals(self) -> None:
        """Set the handlers, and take what was sent before they were there; gunicorn.conf.py holds it back."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)

    def run(self) -> None:
        """Serve until told to end; then accept nothing new, and give requests in flight their grace."""
        limit_malloc_retention()
        freeze_startup_objects()
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
            self._connections.kill(Draining, timeout=ABORT_GRACE_SECONDS)
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
        connection = ClientSocket(client)
        self._limiter.register(connection)
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
            self._limiter.unregister(connection)
            close(connection)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Serve one request; raise StopIteration where the connection closes behind the answer.

        Of gunicorn's own it leaves out what is not used here: hooks, files, and an end after so many requests.
        """
        answer = ResponseWriter(req, sock, self._settings)
        if not self.alive:
            answer.force_close()
        if req._expected_100_continue:
            sock.sendall(CONTINUE)
        answer.run(self.wsgi, environ_of(req, sock, addr, listener_name))
        if answer.should_close():
            raise StopIteration

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what gunicorn itself refuses in the one shape of all errors, and log it like any request."""
        error = to_service_error(exc)
        if isinstance(error, InternalError):
            self.log.error("unhandled %s", type(exc).__name__, exc_info=exc)
        request_id = request_id_or_new(None)
        fields = {"request_id": request_id, "status": error.status, "client": addr[0], "error": error.type}
        self.wsgi.extensions["metrics"].http.record_rejected(error.status)
        logger.info("refused with %(status)d %(error)s", fields)
        with suppress(OSError):  # the caller has gone
            client.sendall(serialize(error, request_id))
        client.lingering_close()

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """On SIGTERM: readiness says so at once; after DRAIN_DELAY nothing new is accepted, and requests finish."""
        app = getattr(self, "wsgi", None)
        if app is not None:
            app.extensions["lifecycle"].draining = True
        gevent.spawn_later(self._drain_delay, self._stop, sig, frame)

    def _stop(self, sig: Any, frame: Any) -> None:
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
        self._limiter.close_idle(time.monotonic() - (self._idle_timeout if self.alive else DRAIN_KEEPALIVE_SECONDS))

    def handle_quit(self, sig: Any, frame: Any) -> None:
        """On SIGINT and SIGQUIT: end at once; nothing here needs an orderly end."""
        os._exit(0)

    def _serve(self, listener_name: Any, client: ClientSocket, addr: Any) -> None:
        parser = StrictRequestParser(self._settings, client, addr)
        while parser.body_consumed or self._discard_body(client, parser):
            if parser.has_buffered_data():
                parser.turns.yield_if_due()
            elif not self._wait_for_request(client, parser):
                return
            client.set_read_deadline(self._read_timeout)
            try:
                request = next(parser)
            except TimeoutError:
                raise RequestTimeout from None
            client.set_read_deadline(self._read_timeout)  # to read its body
            self._admit(request)
            try:
                self.handle_request(listener_name, request, client, addr)
            except StopIteration:  # the answer said that the connection closes
                break
        client.lingering_close()

    def _admit(self, request: Any) -> None:
        """Keep no connection that takes one of the last places, and serve UNREFUSED only where no other makes way.

        Raises ConnectionLimitReached.
        """
        if not self._limiter.saturated:
            return
        request.force_close()
        self._limiter.evict()
        if self._limiter.saturated and not request.path.startswith(PRIORITY_PATHS):
            raise ConnectionLimitReached

    def _discard_body(self, client: ClientSocket, parser: StrictRequestParser) -> bool:
        """Read what is left of the last request's body; tell whether the next request can begin."""
        client.set_read_deadline(self._read_timeout)
        with suppress(ParseException):  # malformed, after the answer was given
            drained: bool = parser.finish_body(max_bytes=self._drain_bytes)
            return drained
        return False

    def _wait_for_request(self, client: ClientSocket, parser: StrictRequestParser) -> bool:
        """Wait for the next request's first byte, or for the end; tell False where the worker ends first.

        A stopping server waits too: for who connected before it stopped listening, and for who was told that the
        connection is kept. Its answers say that the connection closes.
        """
        try:
            self._limiter.mark_idle(client, kept=parser.req_count > 0)
            client.wait_readable()
        except Draining:
            return False
        finally:
            self._limiter.mark_active(client)
        parser.turns.restart()
        return True
