"""The gunicorn worker: gevent's, with time limits, admission control and the service's own shape of errors."""

import errno
import logging
import math
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gunicorn.http import wsgi
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
from app.server.listener import DrainingListener
from app.server.local_reply import serialize, to_service_error
from app.server.process_memory import freeze_startup_objects, limit_malloc_retention
from app.server.ready_message import ReadyMessage
from app.server.request_parser import StrictRequestParser, snapshot_settings
from app.server.resolver import PerHostResolver
from app.server.response_writer import ResponseWriter

logger = logging.getLogger("app.access")

# a response sent before the body was read is lost if the connection closes over the rest of the body;
# so the server reads up to this many times MAX_BODY_BYTES, and discards it
MAX_DISCARD_FACTOR = 4
HEARTBEAT_SECONDS = 1.0
# while draining, how long an idle connection is kept that was promised keep-alive;
# a proxy whose own keep-alive is shorter never sends a request on a connection that is being closed
DRAIN_KEEPALIVE_SECONDS = 2.0
ABORT_GRACE_SECONDS = 1.0
READINESS_POLL_SECONDS = 0.1
# served on the reserved slots too
PRIORITY_PATHS = ("/health", "/metrics")

_CLIENT_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF, errno.ETIMEDOUT)


class Worker(GeventWorker):
    """Serves the requests of each connection one after the other."""

    alive: bool
    # both are set by gunicorn.conf.py
    engine: Launcher | None = None
    ready_message: ReadyMessage | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._config = Config.for_server()
        self._max_discarded_bytes = MAX_DISCARD_FACTOR * self._config.max_body_bytes
        self._write_timeout_ms = math.ceil(self._config.server_write_timeout * 1000)
        self._settings = snapshot_settings(self.cfg)
        self._limiter = ConnectionLimiter(self.worker_connections)
        self._connections = Pool(self.worker_connections)
        self._stopping = Event()

    def init_signals(self) -> None:
        """Set the handlers, then unblock the termination signals, which gunicorn.conf.py blocks at the fork."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)

    def run(self) -> None:
        """Serve until a signal stops the worker, then drain."""
        gevent.get_hub().resolver = PerHostResolver()
        limit_malloc_retention()
        freeze_startup_objects()
        self.wsgi.extensions["metrics"].process.arbiter = self.ppid
        listeners = self._listen()
        gevent.spawn(self._announce_readiness)
        while self.alive:
            self.notify()
            self._stopping.wait(HEARTBEAT_SECONDS)
        for listener in listeners:
            listener.close()
        self._drain()
        self.wsgi.extensions["tracing"].close()

    def _listen(self) -> list[DrainingListener]:
        listeners = [
            DrainingListener(one, handle=partial(self.handle, one.getsockname()), spawn=self._connections)
            for one in self.sockets
        ]
        for listener in listeners:
            listener.max_accept = 1 if self.cfg.workers > 1 else listener.max_accept
            listener.start()
        return listeners

    def _announce_readiness(self) -> None:
        """Wait until the service is ready, then log how to call it."""
        lifecycle = self.wsgi.extensions["lifecycle"]
        while (state := lifecycle.state) == "starting":
            gevent.sleep(READINESS_POLL_SECONDS)
        if self.ready_message and state == "ready":
            self.ready_message.log_once(self.log)

    def _drain(self) -> None:
        """Wait for open requests for SHUTDOWN_GRACE, then end the connections that are left."""
        end = time.monotonic() + self._config.shutdown_grace
        while not self._connections.join(HEARTBEAT_SECONDS) and time.monotonic() < end:
            self.notify()
        if left := len(self._connections):
            self.log.warning("SHUTDOWN_GRACE is over; %d connections are closed", left)
            # requests are answered with this error, and streams end with it
            self._connections.kill(Draining, timeout=ABORT_GRACE_SECONDS)

    def handle(self, listener_name: Any, client: Any, addr: Any) -> None:
        """Serve a connection until it closes, fails or is idle for too long."""
        connection = ClientSocket(client)
        self._limiter.register(connection)
        try:
            # the kernel's limit for bytes that the client does not acknowledge; a socket timeout would bound reads too
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._write_timeout_ms)
            self._serve_requests(listener_name, connection, addr)
        except (StopIteration, NoMoreData):
            pass  # the client has closed the connection
        except OSError as error:
            if error.errno not in _CLIENT_GONE:
                self.log.exception("socket error")
        except Exception as error:
            self.handle_error(None, connection, addr, error)
        finally:
            self._limiter.unregister(connection)
            close(connection)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Serve one request; raise StopIteration if the connection closes after the response."""
        # unlike gunicorn's method it skips hooks, sendfile, max_requests and access lines
        response, environ = wsgi.create(req, sock, addr, listener_name, self._settings, response_class=ResponseWriter)
        response.max_unread_bytes = self._max_discarded_bytes
        if not self.alive:
            response.force_close()
        response.run(self.wsgi, environ)
        if response.should_close():
            raise StopIteration

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send an error of the server in the shape of all others, and log it like a request."""
        error = to_service_error(exc)
        if isinstance(error, InternalError):
            self.log.error("unhandled %s", type(exc).__name__, exc_info=exc)
        request_id = request_id_or_new(None)
        fields = {"request_id": request_id, "status": error.status, "client": addr[0], "address": addr[0]}
        fields["error"] = error.type
        self.wsgi.extensions["metrics"].http.record_rejected(error.status)
        level = logging.ERROR if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
        logger.log(level, "rejected with %(status)d %(error)s", fields)
        with suppress(OSError):  # the client has closed the connection
            client.sendall(serialize(error, request_id))
        client.lingering_close()

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """On SIGTERM: readiness reports `draining` at once, and after DRAIN_DELAY the worker stops listening."""
        app = getattr(self, "wsgi", None)
        if app is not None:
            app.extensions["lifecycle"].draining = True
        gevent.spawn_later(self._config.drain_delay, self._stop, sig, frame)

    def _stop(self, sig: Any, frame: Any) -> None:
        super().handle_exit(sig, frame)
        self._stopping.set()

    def notify(self) -> None:
        """Send the heartbeat, once a second; close connections that are idle for too long.

        A worker whose engine has lost its supervisor exits: before the next worker the arbiter starts a new supervisor.
        """
        super().notify()
        if self.alive and self.engine and not self.engine.running():
            self.log.error("the supervisor of the embedded engine is gone; exiting so that both are started again")
            self.alive = False
        max_idle = self._config.server_idle_timeout if self.alive else DRAIN_KEEPALIVE_SECONDS
        self._limiter.close_idle(time.monotonic() - max_idle)

    def _serve_requests(self, listener_name: Any, client: ClientSocket, addr: Any) -> None:
        parser = StrictRequestParser(self._settings, client, addr)
        while parser.body_consumed or self._discard_body(client, parser):
            if parser.has_buffered_data:
                parser.budget.yield_if_due()
            elif not self._wait_for_request(client, parser):
                return
            request = self._read_request(client, parser)
            self._admit(request)
            try:
                self.handle_request(listener_name, request, client, addr)
            except StopIteration:  # the response has announced that the connection closes
                self._discard_body(client, parser)
                break
        client.lingering_close()

    def _read_request(self, client: ClientSocket, parser: StrictRequestParser) -> Any:
        """Read the head of a request within SERVER_READ_TIMEOUT, then start the same time for each MiB of its body."""
        client.set_read_deadline(self._config.server_read_timeout)
        try:
            request = next(parser)
        except TimeoutError:
            raise RequestTimeout from None
        client.set_read_deadline(self._config.server_read_timeout)
        return request

    def _admit(self, request: Any) -> None:
        """Raise ConnectionLimitReached if only reserved slots are left, even after evictions; serve PRIORITY_PATHS."""
        if not self._limiter.saturated:
            return
        request.force_close()
        self._limiter.evict()
        if self._limiter.saturated and not request.path.startswith(PRIORITY_PATHS):
            raise ConnectionLimitReached

    def _discard_body(self, client: ClientSocket, parser: StrictRequestParser) -> bool:
        """Read the rest of the last request's body; return whether the next request can start."""
        client.set_read_deadline(self._config.server_read_timeout)
        # the response is sent already, so neither a malformed rest nor the end of SHUTDOWN_GRACE gets another one
        with suppress(ParseException, Draining):
            return parser.finish_body(max_bytes=self._max_discarded_bytes)
        return False

    def _wait_for_request(self, client: ClientSocket, parser: StrictRequestParser) -> bool:
        """Wait for the next request or the end of the connection; return False if SHUTDOWN_GRACE ends first."""
        # while draining too: the client has connected before, or was promised keep-alive
        try:
            self._limiter.mark_idle(client, keep_alive=parser.req_count > 0)
            client.wait_readable()
        except Draining:
            return False
        finally:
            self._limiter.mark_active(client)
        parser.budget.restart()
        return True
